"""A sidecar says what it keeps, and contradicts whoever says something else in its name."""

import json
from datetime import timedelta
from typing import Any

import pytest

from runner.maintenance.retention import policy_records, publish_policy
from runner.state.model import State
from runner.steps.outcome import Status
from runner.steps.result import Completed
from runner.steps.task import TaskResult
from tests.runner.config.workload import NOW, configured, remembered

CENTRAL = configured(secret={"BACKUP_MAINTENANCE": "central"})
SAID = policy_records.wanted(CENTRAL, remembered())


def _record(*tags: str, hours: float = -1, path: str = "") -> dict[str, Any]:
    made = (NOW + timedelta(hours=hours)).isoformat()
    path = path or policy_records.owner(CENTRAL).path
    return {"id": "x", "hostname": policy_records.HOST, "tags": tags, "time": made, "paths": [path]}


def _look(state: State, *found: dict[str, Any]) -> TaskResult:
    """Return what the daily look at the records says."""
    run = publish_policy.left(CENTRAL, state, NOW)
    next(run)
    job = _record(policy_records.MAINTENANCE, hours=-2, path=policy_records.STATE_PATH)
    try:
        run.send(Completed(0, text=json.dumps([job, *found])))
    except StopIteration as end:
        done: TaskResult = end.value
        return done
    raise AssertionError("it asks for more")


@pytest.mark.parametrize(
    ("recorded", "found", "contradicts"),
    [
        (SAID, [_record(*SAID, hours=-2), _record(policy_records.RETENTION, "keep-last=1")], True),
        (SAID, [_record(*SAID, hours=-2), _record(policy_records.RETENTION, "keep=all")], True),
        (SAID, [_record(policy_records.RETENTION, "keep-last=1", hours=-2), _record(*SAID)], False),
        (SAID, [_record(*reversed(SAID))], False),
        (
            SAID,
            [_record(policy_records.RETENTION, "keep-last=1", path="/retention/another")],
            False,
        ),
        (SAID, [], False),
        ((), [_record(policy_records.RETENTION, "keep-last=1")], False),  # it has said nothing yet
    ],
)
def test_another_record_in_its_name_is_reported_and_contradicted(
    recorded: tuple[str, ...], found: list[dict[str, Any]], contradicts: bool
) -> None:
    state = remembered(recorded=list(recorded), recorded_at=NOW.timestamp() - 60)

    done = _look(state, *found)

    assert done.status == (Status.FAILURE if contradicts else Status.SKIPPED)
    assert ("has written a record in this workload's name" in done.message) == contradicts
    if recorded:
        assert publish_policy.is_due(CENTRAL, state, NOW.timestamp()) == contradicts


def test_a_record_is_renewed_well_within_the_grace_period() -> None:
    state = remembered(recorded=list(SAID), recorded_at=NOW.timestamp())

    assert not publish_policy.is_due(CENTRAL, state, NOW.timestamp() + 2 * 86400)
    later = CENTRAL.maintenance.floor.grace / 2
    assert publish_policy.is_due(CENTRAL, state, NOW.timestamp() + later)
