"""The digest: one message of many runs, in the field's words, when its slot has passed."""

from dataclasses import replace

import pytest

from runner.notify import digest
from runner.state.model import Last, State, Task
from tests.runner.config.workload import configured, remembered
from tests.runner.notify.test_metrics import DAY, FAILED, LAST, NOW

WEEKLY = configured(annotations={"backup.digest": "0 6 * * 1"})
BEFORE = NOW - 3 * DAY  # a Friday; the slot is on Monday at six


def after(*runs: tuple[float, Last], state: State | None = None) -> State:
    """Return the state after runs that ended at these times."""
    state = state or remembered()
    for moment, last in runs:
        state.runs.last = replace(last, started=moment - 20, ended=moment)
        digest.note(WEEKLY, state)
    return state


def test_a_digest_is_due_once_its_slot_has_passed() -> None:
    """Not before there was a run, and once a slot."""
    assert not digest.is_due(WEEKLY, remembered(), NOW)
    state = after((BEFORE, LAST))

    assert not digest.is_due(WEEKLY, state, BEFORE + 60)
    assert digest.is_due(WEEKLY, state, NOW)

    digest.begin_anew(state, NOW)
    assert not digest.is_due(WEEKLY, after((NOW + 60, LAST), state=state), NOW + 3600)
    assert digest.is_due(WEEKLY, state, NOW + 7 * DAY)


@pytest.mark.parametrize("schedule", ["off", ""])
def test_without_a_schedule_there_is_none(schedule: str) -> None:
    """And nothing is counted."""
    state = remembered(last=LAST)
    config = configured(annotations={"backup.digest": schedule})

    digest.note(config, state)

    assert state.reports.tally.runs == {}
    assert not digest.is_due(config, state, NOW)


def test_a_digest_reports_runs_growth_and_tasks() -> None:
    """What is worst comes last, and is not left out."""
    state = after((BEFORE, LAST), (BEFORE + 60, FAILED), (NOW, replace(LAST, source_bytes=7048)))
    state.runs.last_success, state.repository.snapshots, state.sources.held = NOW, 31, True
    state.repository.tasks = {
        "verify": Task(success=NOW - DAY, status="success"),
        "check": Task(status="failure"),
        "prune": Task(attempted=NOW),
    }

    text = digest.text(WEEKLY, state, NOW)

    assert digest.title(WEEKLY) == "Backup digest: prod/wiki"
    assert text.splitlines() == [
        f"{digest._day(BEFORE)} to {digest._day(NOW)}",
        "3 runs: 2 success, 1 failure",
        f"last success: {digest._minute(NOW, known=True)}",
        "6.9 KiB backed up (+2.0 KiB)",
        "6.0 KiB added to the repository",
        "31 snapshots",
        "check: failure, last success unknown yet",
        f"verify: success, last success {digest._minute(NOW - DAY, known=True)}",
        "retention is suspended: a source lost its files",
    ]


def test_growth_is_counted_since_the_previous_digest() -> None:
    """A source that has shrunk is said to have."""
    state = after((BEFORE, LAST))
    digest.begin_anew(state, NOW)
    after((NOW + 60, replace(LAST, source_bytes=2952)), state=state)

    assert "2.9 KiB backed up (-2.0 KiB)" in digest.text(WEEKLY, state, NOW + DAY)
