"""What a run leaves in the state: what measures the next one, and what retention waits for."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runner.stand_ins.fake_restic import Runner
from tests.runner.steps.conversation import SUMMARY


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner whose workload was never backed up; it is due only when it is asked."""
    made = Runner(tmp_path)
    made.annotate(schedule="0 0 29 2 *", forget="@daily")
    return made


def _summary(files: int, size: int) -> str:
    summary = {**SUMMARY, "files_new": files, "files_changed": 0, "files_unmodified": 0}
    return json.dumps({**summary, "total_bytes_processed": size})


def _unreadable(runner: Runner, name: str) -> str:
    said = {"message_type": "error", "item": f"{runner.volumes}/pages/{name}"}
    return json.dumps({**said, "error": {"message": "Permission denied"}})


def _ran(runner: Runner, **answer: Any) -> dict[str, Any]:  # noqa: ANN401 -- those of `answer`
    runner.answer("backup", **answer)
    runner.call("run")
    return runner.known


def test_a_successful_backup_is_the_baseline_of_the_next(runner: Runner) -> None:
    assert _ran(runner, out=_summary(10, 5000))["usual"] == [10, 5000]
    assert _ran(runner, out=_summary(9, 4900))["usual"] == [9, 4900]


def test_a_shrunken_backup_is_no_baseline(runner: Runner) -> None:
    """The third would be measured by what was lost, and be good."""
    _ran(runner, out=_summary(1000, 1 << 30))

    for _ in range(2):
        known = _ran(runner, out=_summary(1, 10))
        assert known["last"]["status"] == "warning"
        assert known["usual"] == [1000, 1 << 30]
        assert known["held"] is True


def test_retention_is_suspended_after_lost_files_until_a_backup_succeeds(runner: Runner) -> None:
    _ran(runner, out=_summary(10, 5000))
    index = runner.volumes / "pages" / "index"
    index.unlink()
    known = _ran(runner, out=_summary(0, 0))
    assert (known["last"]["failure"], known["held"]) == ("source", True)
    index.touch()

    # Another failure says nothing of the files.
    assert _ran(runner, err="Fatal: connection refused\n", code=1)["held"] is True
    assert _ran(runner, out=_summary(10, 5000))["held"] is False


def test_a_failure_without_lost_files_suspends_nothing(runner: Runner) -> None:
    known = _ran(runner, err="Fatal: connection refused\n", code=1)

    assert known["held"] is False
    assert (known["last_success"], known["usual"], known["full"]) == (0, None, None)


def test_failures_are_counted_until_a_success(runner: Runner) -> None:
    (runner.volumes / "pages" / "readable").touch()
    (runner.volumes / "pages" / "too").touch()
    error = _unreadable(runner, "x")
    answers: list[tuple[dict[str, Any], int]] = [
        ({"err": "Fatal: connection refused\n", "code": 1}, 1),
        ({"err": "Fatal: connection refused\n", "code": 1}, 2),
        ({"out": _summary(9, 9), "err": f"{error}\n", "code": 3}, 0),
        ({"err": "Fatal: connection refused\n", "code": 1}, 1),
        ({"out": _summary(9, 9)}, 0),
    ]

    assert [_ran(runner, **answer)["failures"] for answer, _ in answers] == [
        count for _, count in answers
    ]


def test_unreadable_files_are_counted_and_ten_are_named(runner: Runner) -> None:
    lines = [_unreadable(runner, str(number)) for number in range(12)]
    for number in range(99):  # fewer than half of what is there
        (runner.volumes / "pages" / f"readable{number}").touch()

    last = _ran(runner, out=_summary(99, 9), err="\n".join(lines) + "\n", code=3)["last"]

    assert last["read_errors"] == 12
    assert len(last["unreadable"]) == 10
    assert runner.known["held"] is False


def test_a_run_is_in_progress_from_start_to_end(runner: Runner) -> None:
    started = json.loads((runner.state / "state.json").read_text()) if runner.state.exists() else {}
    known = _ran(runner, out=_summary(10, 5000))

    assert started.get("running_since", 0) == known["running_since"] == 0
    assert known["attempted"] == known["last"]["started"] > 0
    assert known["last"]["ended"] == known["last_success"] >= known["last"]["started"]


def test_leftovers_in_scratch_are_removed_before_the_next_run(runner: Runner) -> None:
    left = runner.state / "tmp" / "left"
    left.parent.mkdir(parents=True)
    left.touch()

    _ran(runner, out=_summary(10, 5000))

    assert not left.exists()
