"""State that an earlier version wrote is read: a sidecar restarts, and the maintenance job's lasts.

A file here is what a version wrote, with a value in each field; it is never changed.
"""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from runner.state import model
from runner.state.model import State

WRITTEN = sorted(Path(__file__).parent.glob("*.json"))


def _value(file: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(file.read_bytes())
    return value


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.stem)
def test_nothing_that_was_written_is_lost(file: Path) -> None:
    state = model.read(_value(file))
    again = model.read(json.loads(json.dumps(asdict(state))))

    assert again == state
    assert state.usual == (7, 900)
    assert state.last
    assert (state.last.status, state.last.unreadable[1]) == ("failure", "/backup/pages/b")
    assert state.tasks["forget"].tries == 2
    assert state.damage
    assert state.damage.deep
    assert state.retention.asked == {"keep-last": "2"}
    assert state.policies["/retention/-/prod/Deployment/wiki/wiki"].keeps == {"keep-daily": "7"}
    assert state.notified["ntfy"].trouble == "failure/auth"
    assert (state.tally.runs, state.number, state.subset) == ({"success": 5}, 17, 3)


def test_the_latest_file_has_a_value_for_each_field() -> None:
    """A new field, or one in a new place, comes with a new file; the old ones stay."""
    state, empty = model.read(_value(WRITTEN[-1])), State(run_now="")

    named = [each.name for each in fields(State)]
    assert [name for name in named if getattr(state, name) == getattr(empty, name)] == []
    assert asdict(state).keys() == _value(WRITTEN[-1]).keys()
