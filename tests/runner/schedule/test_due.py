"""What is due at a moment: slots, missed slots, retries, wishes; and when to look again."""

import pytest

from runner.config.model import Config
from runner.schedule import due
from runner.state.model import Last, State
from tests.runner.config.workload import NOW as MOMENT
from tests.runner.config.workload import changed, configured, remembered

NOW = MOMENT.timestamp()  # 12:34 UTC
MINUTE, HOUR = 60.0, 3600.0
SLOT = NOW - 34 * MINUTE  # the schedule's latest one, at 12:00
HOURLY = {"backup.schedule": "0 * * * *"}
CONFIG = configured(annotations=HOURLY)
PAUSED = configured(annotations={**HOURLY, "backup.paused": "true"})
OFF = configured(annotations={"backup.schedule": "off"})
RUN_NOW = configured(annotations={**HOURLY, "backup.run-now": "2"})


def served(**changes: object) -> State:
    """Return the state after the good run of 12:00."""
    last = Last(SLOT, SLOT + 20, "success", "10 files")
    state = remembered(derived=True, attempted=SLOT + 1, last=last, last_success=SLOT + 20)
    return changed(state, **changes)


def failing(failures: int, *, ended: float = NOW - 1, failure: str = "network") -> State:
    """Return the state after so many failures in a row, the last one at ``ended``."""
    last = Last(ended - 5, ended, "failure", "no such host", failure=failure)
    return served(attempted=ended - 5, failures=failures, last=last)


def test_between_slots_nothing_is_due_and_the_next_slot_is_named() -> None:
    """The supervisor sleeps until then."""
    found = due.due(NOW, CONFIG, served())

    assert found == due.Due("", probe=False, next=SLOT + HOUR)


@pytest.mark.parametrize("late", [0, 0.25, 1, 59, 1800])
def test_a_reached_slot_is_due(late: float) -> None:
    """At once, without spread: the pod was there."""
    found = due.due(SLOT + HOUR + late, CONFIG, served())

    assert (found.backup, found.probe) == ("schedule", False)


def test_a_slot_is_not_due_before_its_time() -> None:
    """Not even by a moment."""
    found = due.due(SLOT + HOUR - 0.5, CONFIG, served())

    assert found.backup == ""
    assert SLOT + HOUR - 0.5 < found.next <= SLOT + HOUR + 1


def test_several_missed_slots_are_one_run() -> None:
    """A run serves every slot before it."""
    state = served(attempted=SLOT - 50 * HOUR)

    assert due.due(NOW, CONFIG, state).backup == "schedule"
    assert due.due(NOW, CONFIG, changed(state, attempted=NOW)).backup == ""


def test_a_new_state_reads_the_repository_before_a_run() -> None:
    """The pod was replaced, and its last backup may be minutes old."""
    found = due.due(NOW, CONFIG, remembered())

    assert (found.backup, found.probe) == ("schedule", True)


def test_a_requested_run_with_a_new_state_does_not_read_the_repository() -> None:
    """The answer would change nothing."""
    found = due.due(NOW, CONFIG, remembered(), asked=True)

    assert (found.backup, found.probe) == ("asked", False)


def test_a_slot_missed_before_a_start_is_spread() -> None:
    """All pods of a node start at once; each catches up at its own time."""
    starts = []
    for pod in range(40):
        config = configured({"BACKUP_POD": f"wiki-{pod}"}, annotations=HOURLY)
        state = served(attempted=SLOT - HOUR)
        due.remember_start(NOW, config, state)
        starts.append(state.runs.not_before)
        assert due.due(state.runs.not_before - 1, config, state).backup == ""
        assert due.due(state.runs.not_before - 1, config, state).next == state.runs.not_before
        assert due.due(state.runs.not_before, config, state).backup == "schedule"

    assert len(set(starts)) > 30
    assert all(NOW <= start < NOW + 900 for start in starts)


def test_a_missed_slot_is_spread_only_once() -> None:
    """A container that restarts again and again still gets its backup."""
    state = served(attempted=SLOT - HOUR)
    due.remember_start(NOW, CONFIG, state)
    first = state.runs.not_before

    due.remember_start(NOW + 300, CONFIG, state)

    assert state.runs.not_before == first


def test_the_next_missed_slot_is_spread_again() -> None:
    """It is another one."""
    state = served(attempted=SLOT - HOUR)
    due.remember_start(NOW, CONFIG, state)

    due.remember_start(NOW + 5 * HOUR, CONFIG, state)

    assert state.runs.not_before >= NOW + 5 * HOUR


@pytest.mark.parametrize("attempted", [SLOT - HOUR, SLOT + HOUR - 1])
def test_a_spread_run_does_not_delay_the_next_slot(attempted: float) -> None:
    """Be the missed slot caught up manually meanwhile, or not: the slot is the catch-up."""
    state = served(attempted=SLOT - HOUR)
    due.remember_start(SLOT + HOUR - 2, CONFIG, state)
    assert state.runs.not_before > SLOT + HOUR
    state.runs.attempted = attempted

    assert due.next_run(SLOT + HOUR - 1, CONFIG, state) == SLOT + HOUR
    assert due.due(SLOT + HOUR, CONFIG, state).backup == "schedule"
    state.runs.attempted = SLOT + HOUR
    assert due.next_run(SLOT + HOUR, CONFIG, state) == SLOT + 2 * HOUR


@pytest.mark.parametrize("state", [served(), served(attempted=SLOT)])
def test_a_start_without_a_missed_slot_is_not_spread(state: State) -> None:
    """There is nothing to catch up."""
    due.remember_start(NOW, CONFIG, state)

    assert (state.runs.missed_slot, state.runs.not_before) == (0, 0)


def test_a_start_while_off_has_missed_nothing() -> None:
    """There are no slots."""
    state = remembered()
    due.remember_start(NOW, OFF, state)

    assert state == remembered()


def test_a_new_value_of_run_now_starts_one_run() -> None:
    """And the same value none after it."""
    state = served(run_now="1")

    assert due.due(NOW, RUN_NOW, state).backup == "run-now"
    assert due.due(NOW, RUN_NOW, changed(state, run_now="2")).backup == ""


def test_a_removed_run_now_starts_nothing() -> None:
    """Nobody wished anything."""
    assert due.due(NOW, CONFIG, served(run_now="1")).backup == ""


def test_run_now_does_not_wait_for_a_spread() -> None:
    """Somebody is waiting for it."""
    state = served(run_now="1", attempted=SLOT - HOUR, not_before=NOW + 800)

    assert due.due(NOW, RUN_NOW, state).backup == "run-now"


@pytest.mark.parametrize(("failures", "minutes"), [(1, 5), (2, 15), (3, 45)])
def test_retries_back_off_after_a_failure(failures: int, minutes: int) -> None:
    """5, 15 and 45 minutes after it ended."""
    ended = NOW + MINUTE
    state = failing(failures, ended=ended)
    config = configured(annotations={"backup.schedule": "0 0 * * *"})
    retry = ended + minutes * MINUTE

    before = due.due(retry - 1, config, state)

    assert before == due.Due("", probe=False, next=retry)
    assert due.due(retry, config, state).backup == "retry"


@pytest.mark.parametrize("failures", [4, 5, 100])
def test_after_three_retries_the_next_run_is_the_next_slot(failures: int) -> None:
    """It will not be better for being tried more often."""
    found = due.due(NOW + 25 * MINUTE, CONFIG, failing(failures))

    assert found == due.Due("", probe=False, next=SLOT + HOUR)
    assert due.due(SLOT + HOUR, CONFIG, failing(failures)).backup == "schedule"


def test_a_slot_before_the_retry_is_served() -> None:
    """Whichever is earlier."""
    state = failing(3, ended=SLOT + 50 * MINUTE)

    assert due.due(SLOT + 51 * MINUTE, CONFIG, state).next == SLOT + HOUR
    assert due.due(SLOT + HOUR, CONFIG, state).backup == "schedule"


@pytest.mark.parametrize("config", [PAUSED, OFF])
def test_nothing_is_due_while_paused_or_off(config: Config) -> None:
    """No slot, no retry, no probe; state is still looked at."""
    for state in (served(attempted=0), failing(1, ended=NOW - HOUR), remembered()):
        found = due.due(NOW, config, state)

        assert found == due.Due("", probe=False, next=NOW + 6 * HOUR)


def test_paused_refuses_every_request() -> None:
    """No runs while it is true."""
    config = configured(annotations={**HOURLY, "backup.run-now": "2", "backup.paused": "true"})

    assert due.due(NOW, config, served(), asked=True).backup == ""
    assert due.next_slot(NOW, config) is None


def test_off_still_runs_on_request() -> None:
    """Off is about the clock only."""
    off = configured(annotations={"backup.schedule": "off", "backup.run-now": "2"})

    assert due.due(NOW, OFF, served(), asked=True).backup == "asked"
    assert due.due(NOW, off, served()).backup == "run-now"
    assert due.next_slot(NOW, OFF) is None


def test_next_is_in_the_future_and_never_later_than_6_hours() -> None:
    """Whatever goes wrong with clocks."""
    yearly = configured(annotations={"backup.schedule": "0 0 1 1 *"})
    states = [served(), failing(1), failing(2, ended=NOW - 9 * HOUR), remembered(),
              served(attempted=0, not_before=NOW + 900), served(not_before=NOW - 900),
              served(attempted=NOW + 99 * HOUR), served(attempted=0)]  # fmt: skip

    for config in (CONFIG, yearly, PAUSED, OFF, RUN_NOW):
        for state in states:
            found = due.due(NOW, config, state)
            assert NOW < found.next <= NOW + 6 * HOUR, (config, state)
