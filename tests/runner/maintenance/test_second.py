"""What is done to the second repository is done there, and the first stays as it is."""

from pathlib import Path

import pytest

from tests.runner.stand_ins.fake_restic import Runner

TOLD = """#!/bin/sh
cd "$(dirname "$0")"
echo "$1 $RESTIC_REPOSITORY" >> where
cat "$1.out" 2>/dev/null
exit "$(cat "$1.code" 2>/dev/null || echo 0)"
"""


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner with a second repository, whose every task is due."""
    made = Runner(tmp_path)
    (made.bin / "restic").write_text(TOLD)
    (made.secret / "COPY_RESTIC_REPOSITORY").write_text("/second")
    made.answer("snapshots", out='[{"id": "4f8a", "time": "2026-11-23T12:00:00Z"}]')
    made.annotate(schedule="0 0 29 2 *", **dict.fromkeys(("forget", "prune"), "* * * * *"))
    return made


def _where(runner: Runner, command: str) -> list[str]:
    lines = (runner.bin / "where").read_text().splitlines()
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{command} ")]


def test_retention_and_prune_of_copies_go_to_the_second_repository(runner: Runner) -> None:
    runner.call("tick", "--now")
    runner.change(tasks={name: {} for name in ("forget", "prune", "copy_forget", "copy_prune")})

    runner.call("tick", "--now")

    first = (runner.secret / "RESTIC_REPOSITORY").read_text()
    tasks = runner.known["tasks"]
    assert tasks["copy_forget"]["status"] == tasks["copy_prune"]["status"] == "success"
    assert _where(runner, "forget")[-2:] == [first, "/second"]
    assert _where(runner, "prune")[-2:] == [first, "/second"]


def test_without_a_password_a_requested_task_fails_and_names_it(
    runner: Runner,
) -> None:
    (runner.secret / "RESTIC_PASSWORD").unlink()

    for name in ("check", "prune", "verify"):
        code, log = runner.call(name)
        assert code == 1
        assert "RESTIC_PASSWORD is not set" in log[-1]["message"]
    assert not (runner.bin / "where").exists()
