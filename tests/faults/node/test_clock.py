"""Clocks that are wrong, at one run or between two.

A clock that is set by some time is the same as a state whose times are off by it.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.night import Night

HOUR, DAY, YEAR = 3600, 86400, 365 * 86400
TIMES = {"attempted", "missed_slot", "not_before", "last_success", "success", "started", "ended"}


def _shifted(value: Any, seconds: float) -> Any:  # noqa: ANN401 -- any JSON value
    if not isinstance(value, dict):
        return value
    return {
        key: max(0, item + seconds) if key in TIMES and item else _shifted(item, seconds)
        for key, item in value.items()
    }


@pytest.mark.parametrize("seconds", [2 * HOUR, 3 * DAY, 10 * YEAR, -2 * HOUR, -3 * DAY, -10 * YEAR])
def test_a_clock_that_is_set(tmp_path: Path, seconds: int) -> None:
    """Back or forward: one backup follows by its schedule, and then none until the next slot."""
    night = Night(tmp_path)
    sidecar = night.sidecar
    sidecar._extra = {**sidecar._extra, "BACKUP_CATCH_UP_SECONDS": "0"}
    file = sidecar.path("/var/lib/backup") / "state.json"
    file.write_text(json.dumps(_shifted(json.loads(file.read_text()), seconds)))

    said = "".join(sidecar.run("backup-runner", "tick").stdout for _ in range(3))

    assert said.count('"backup started"') == 1
    assert '"why": "schedule"' in said
    assert night.ends()["status"] == "success"
