"""Retention, prune and check with real restic: due, in time, and where they are not wanted."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import app
from tests.cluster import build
from tests.cluster.work import until
from tests.integration.sidecars import Sidecar

ONLY_THE_LAST = {f"KEEP_{each}": "0" for each in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY")}
DUE: dict[str, object] = {"chores": {}}  # what is weekly was never done, and is due


def _sidecar(root: Path, **changes: str) -> Sidecar:
    made = Sidecar(
        root, annotations={"backup.schedule": "@monthly"}, secret={**ONLY_THE_LAST, **changes}
    )
    app.write_files(made.volume)
    return made


def _make_due(sidecar: Sidecar) -> None:
    file = sidecar.path("/var/lib/backup") / "state.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | DUE))


def _statuses(sidecar: Sidecar) -> dict[str, str]:
    return {name: chore["status"] for name, chore in sidecar.status()["chores"].items()}


def test_chores_follow_a_good_backup(tmp_path: Path) -> None:
    sidecar = _sidecar(tmp_path)
    sidecar.back_up()
    assert _statuses(sidecar) == {"forget": "success", "prune": "", "check": ""}
    (sidecar.volume / "index.md").write_text("new")
    _make_due(sidecar)

    sidecar.back_up()

    assert _statuses(sidecar) == dict.fromkeys(("forget", "prune", "check"), "success")
    assert "no errors were found" in sidecar.restic("check", "--read-data")


def test_a_damaged_repository_is_found_and_the_backup_still_counts(tmp_path: Path) -> None:
    sidecar = _sidecar(tmp_path)
    sidecar.back_up()
    _make_due(sidecar)
    pack = max(sidecar.repository.glob("data/*/*"), key=lambda path: path.stat().st_size)
    pack.unlink()

    ended = sidecar.back_up()

    assert ended["status"] == "success"
    check = sidecar.status()["chores"]["check"]
    assert check["status"] == "failure"
    assert check["last_success"] is None


@pytest.fixture
def append_only(tmp_path: Path) -> Iterator[str]:
    """The URL of a real REST server that lets nobody delete."""
    log = tmp_path / "rest.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [build.rclone(), "serve", "restic", "--append-only", "--addr", "127.0.0.1:0",
             str(tmp_path / "served")],
            stdout=output, stderr=subprocess.STDOUT,
        ) as process,
    ):  # fmt: skip
        try:
            until(lambda: "http://127.0.0.1:" in log.read_text(), "the server listens", 20)
            port = log.read_text().partition("http://127.0.0.1:")[2].partition("/")[0]
            yield f"rest:http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def test_an_append_only_repository_is_backed_up_and_left_alone(
    tmp_path: Path, append_only: str
) -> None:
    sidecar = _sidecar(tmp_path, RESTIC_REPOSITORY=append_only)
    sidecar.back_up()
    (sidecar.volume / "index.md").write_text("new")
    _make_due(sidecar)

    done = sidecar.run("backup-runner", "run")

    assert done.returncode == 0
    known = sidecar.status()
    assert known["append_only"] is True
    assert known["chores"]["forget"]["status"] == "skipped"
    assert "append-only" in known["chores"]["forget"]["message"]
    assert "prune" not in known["chores"]
    assert known["chores"]["check"]["status"] == "success"
    served = tmp_path / "served" / "snapshots"
    assert len([path for path in served.rglob("*") if path.is_file()]) == 2
