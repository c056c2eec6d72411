"""The status as the end of a log tells it."""

import json

from kubectl_backup.workload import log_status
from tests.kubectl_backup.pods import Json, known


def line(message: str, time: str = "2026-09-21T13:00:00Z", **fields: object) -> bytes:
    """Return a line of the log."""
    return json.dumps({"time": time, "level": "info", "message": message, **fields}).encode()


def shown(**changed: object) -> bytes:
    """Return a line that shows a status."""
    return line("status", known=known(**changed))


def test_the_newest_status_line_of_the_log_counts() -> None:
    """Whatever else stands there: text, half a line, another's JSON."""
    said = [b"text", shown(snapshots=1), b'{"half', b"[1]", b"\xff", shown(snapshots=2),
            line("forget success: 1 removed")]  # fmt: skip

    assert log_status.status(said) == known(snapshots=2)


def test_a_run_that_started_later_is_in_progress() -> None:
    began = line("backup started", "2026-09-21T13:33:00Z")

    found = log_status.status([shown(), began])
    assert found is not None
    assert found["running_since"] == "2026-09-21T13:33:00Z"
    assert log_status.status([began, shown()]) == known()


def test_without_a_status_line_the_status_is_unknown() -> None:
    nothing: list[Json] = [{}, {"message": "status"}, {"message": "status", "known": "x"}]

    assert log_status.status(json.dumps(each).encode() for each in nothing) is None
    assert log_status.status([line("backup started")]) is None
    assert log_status.status([]) is None
