"""State that an earlier version wrote is read: a sidecar restarts, and the maintenance job's lasts.

A file here is what a version wrote, with a value in each field; it is never changed.
"""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from runner.state import coding
from runner.state.model import State
from tests.runner.config.workload import remembered

WRITTEN = sorted(Path(__file__).parent.glob("*.json"))


def _value(file: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(file.read_bytes())
    return value


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.stem)
def test_every_field_of_earlier_versions_is_read(file: Path) -> None:
    state = coding.read(_value(file))
    again = coding.read(json.loads(json.dumps(coding.written(state))))

    assert again == state
    assert state.sources.usual == (7, 900)
    assert state.runs.last
    assert (state.runs.last.status, state.runs.last.unreadable[1]) == ("failure", "/backup/pages/b")
    assert state.repository.tasks["forget"].tries == 2
    assert state.repository.damage
    assert state.repository.damage.deep
    assert state.policy.retention.asked == {"keep-last": "2"}
    assert state.job.policies["/retention/-/prod/Deployment/wiki/wiki"].keeps == {"keep-daily": "7"}
    assert state.reports.notified["ntfy"].trouble == "failure/auth"
    assert (state.reports.tally.runs, state.job.number, state.job.subset) == ({"success": 5}, 17, 3)


def test_the_latest_file_has_a_value_for_each_field() -> None:
    """A new field, or one in a new place, comes with a new file; the old ones stay."""
    given = _value(WRITTEN[-1])
    state, empty = coding.written(coding.read(given)), coding.written(remembered())

    assert [name for name in state if state[name] == empty[name]] == []
    assert json.loads(json.dumps(state)) == given


def test_a_state_file_is_flat_so_that_an_earlier_version_reads_it() -> None:
    """After a rollback the sidecar before finds each value where it left it."""
    groups = [getattr(remembered(), each.name) for each in fields(State)]
    named = [each.name for group in groups for each in fields(group)]

    assert len(named) == len(set(named))
    assert list(coding.written(remembered())) == named
    assert set(named) <= _value(WRITTEN[0]).keys()


_OTHER_KIND = [{}, "text", -1, [1]]


@pytest.mark.parametrize("name", _value(WRITTEN[-1]))
def test_one_value_of_the_wrong_type_invalidates_the_state(name: str) -> None:
    """Each is looked at; what a version wrote by mistake would fail each run that reads it."""
    fit = 0
    for value in _OTHER_KIND:
        try:
            coding.read({**_value(WRITTEN[-1]), name: value})
            fit += 1
        except (TypeError, ValueError):
            continue
    assert fit < len(_OTHER_KIND)
