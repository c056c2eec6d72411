"""Clocks that jump, Secrets that cure, the cadence of retention, and zones."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from runner.schedule import due
from runner.state import model
from runner.state.model import Damage, Last, State, Task
from tests.runner.config.workload import changed, configured, remembered
from tests.runner.schedule.test_due import CONFIG, HOUR, HOURLY, NOW, SLOT, failing, served

DAY = 24 * HOUR
TASKS = ("forget", "prune", "check")
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_clock_that_was_set_back_does_not_stop_backups() -> None:
    """The last run was served by a clock 30 days ahead: the next slot is due all the same."""
    ahead = served(attempted=SLOT + 30 * DAY, last_success=SLOT + 30 * DAY)

    assert due.due(SLOT + HOUR, CONFIG, ahead).backup == "schedule"


def test_a_spread_by_a_clock_that_was_set_back_does_not_last() -> None:
    """A start is spread over minutes, not over months."""
    state = served(attempted=SLOT - HOUR)
    due.remember_start(NOW + 30 * DAY, CONFIG, state)

    assert due.due(NOW + HOUR, CONFIG, state).backup == "schedule"


def test_a_clock_that_was_set_back_does_not_stop_retention() -> None:
    """Nor does it stop for 30 days."""
    assert due.task_is_due("forget", NOW, CONFIG, forgot(NOW + 30 * DAY))


def forgot(moment: float) -> State:
    """Return the state of a workload whose retention was last applied then."""
    return served(tasks={"forget": Task(attempted=moment)})


@pytest.mark.parametrize("failure", ["auth", "config", "network"])
def test_a_changed_secret_ends_the_wait_after_a_failure_it_may_have_caused(failure: str) -> None:
    """Nobody waits an hour to see whether the new password is right."""
    state = changed(failing(4, failure=failure), secret_changed=NOW - 60)

    assert due.cured_by_secret(state, NOW)
    assert not due.cured_by_secret(state, NOW - 60), "it is the same Secret"


@pytest.mark.parametrize(
    "state",
    [
        served(),
        remembered(),
        failing(1, failure="source"),
        failing(1, failure="memory"),
        failing(1, failure="locked"),
        failing(1, failure="space"),
        served(last=Last(NOW - 9, NOW - 1, "warning", "empty", failure="source")),
        served(last=Last(NOW - 9, NOW - 1, "skipped", "locked", failure="network")),
    ],
)
def test_a_changed_secret_starts_no_other_run(state: State) -> None:
    """It comes into effect at the next one."""
    assert not due.cured_by_secret(state, NOW)


def test_forget_is_due_once_per_slot_of_its_schedule() -> None:
    """By default once a day."""
    assert due.task_is_due("forget", NOW, CONFIG, served())
    assert not due.task_is_due("forget", NOW, CONFIG, forgot(NOW))
    assert due.task_is_due("forget", NOW + DAY, CONFIG, forgot(NOW))


def test_forget_follows_its_own_schedule() -> None:
    """Not the backup's."""
    config = configured(annotations={**HOURLY, "backup.forget": "0 3 * * *"})
    three = SLOT - 9 * HOUR

    assert due.task_is_due("forget", NOW, config, forgot(three - 1))
    assert not due.task_is_due("forget", NOW, config, forgot(three + 1))


@pytest.mark.parametrize(
    ("secret", "annotations", "changes"),
    [
        ({"RESTIC_RETENTION_POLICIES_ENABLED": "false"}, {}, {}),
        ({}, {f"backup.{task}": "off" for task in TASKS}, {}),
        ({}, {}, {"held": True}),
        ({}, {}, {"failures": 1}),
    ],
    ids=["a central job does it", "off", "held", "failing"],
)
@pytest.mark.parametrize("task", TASKS)
def test_a_task_is_not_due_where_it_is_off_or_suspended(
    task: str, secret: dict[str, str], annotations: dict[str, str], changes: dict[str, object]
) -> None:
    """While a source lost its files, the good snapshots stay."""
    config = configured(secret=secret, annotations=annotations)

    assert not due.task_is_due(task, NOW, config, served(**changes))


def test_an_append_only_repository_is_only_checked() -> None:
    found = {task: due.task_is_due(task, NOW, CONFIG, served(append_only=True)) for task in TASKS}

    assert found == {"forget": False, "prune": False, "check": True}


@pytest.mark.parametrize(
    ("secret", "changes"),
    [
        ({"RESTIC_RETENTION_POLICIES_ENABLED": "false"}, {}),
        ({}, {"held": True}),
        ({}, {"append_only": True}),
    ],
    ids=["a central job does the rest", "held", "append-only"],
)
def test_a_drill_is_due_even_where_others_maintain_the_repository(
    secret: dict[str, str], changes: dict[str, object]
) -> None:
    """It takes nothing away, and nobody else can compare with these volumes."""
    config = configured(secret=secret)

    assert due.task_is_due("verify", NOW, config, served(**changes))


@pytest.mark.parametrize(
    ("secret", "changes"),
    [({"BACKUP_VERIFY": "off"}, {}), ({}, {"failures": 1})],
    ids=["off", "failing"],
)
def test_a_drill_is_not_due_where_it_is_off_or_would_read_an_old_snapshot(
    secret: dict[str, str], changes: dict[str, object]
) -> None:
    assert not due.task_is_due("verify", NOW, configured(secret=secret), served(**changes))


def test_a_weekly_task_waits_for_its_slot_in_a_pod_without_state() -> None:
    """Or a pod that is replaced every hour would prune every hour."""
    fresh = model.new(NOW, "")

    found = {task: due.task_is_due(task, NOW + 1, CONFIG, fresh) for task in TASKS}
    assert found == {"forget": True, "prune": False, "check": False}
    assert not due.task_is_due("verify", NOW + 1, CONFIG, fresh)
    assert due.task_is_due("verify", NOW + 7 * DAY, CONFIG, fresh)
    assert due.task_is_due("prune", NOW + 7 * DAY, CONFIG, fresh)
    assert due.task_is_due("check", NOW + 7 * DAY, CONFIG, fresh)


def test_an_interrupted_task_is_retried_a_few_times() -> None:
    """Then it waits for its next slot: it does not fit between two backups."""
    tried = [Task(attempted=NOW, again=True, tries=tries) for tries in range(5)]

    found = [due.task_is_due("check", NOW + 1, CONFIG, served(tasks={"check": c})) for c in tried]

    assert found == [True, True, True, False, False]
    assert due.task_is_due("check", NOW + 7 * DAY, CONFIG, served(tasks={"check": tried[4]}))


def test_a_task_has_the_time_until_the_next_backup() -> None:
    hourly = configured(annotations=HOURLY)
    slot = due.next_slot(NOW, hourly)
    assert slot

    assert due.time_for_tasks(NOW, hourly) == slot - NOW
    assert due.time_for_tasks(slot - 1, hourly) == 1
    monthly = configured(annotations={"backup.schedule": "0 0 1 * *"})
    assert due.time_for_tasks(NOW, monthly) == 6 * HOUR
    assert due.time_for_tasks(NOW, configured(annotations={"backup.schedule": "off"})) == 6 * HOUR


def test_the_next_slot_is_in_the_schedules_time_zone() -> None:
    """Local time, as it is written."""
    config = configured(
        annotations={"backup.schedule": "30 3 * * *", "backup.timezone": "Europe/Berlin"}
    )

    upcoming = due.next_slot(NOW, config)

    assert upcoming == datetime(2026, 11, 24, 3, 30, tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    ("start", "slots"),
    [
        (datetime(2026, 10, 24, 12, tzinfo=BERLIN), 2),  # the night in which 02:30 comes twice
        (datetime(2026, 3, 28, 12, tzinfo=BERLIN), 2),  # the night that has no 02:30
    ],
)
def test_each_local_time_runs_once_over_a_clock_change(start: datetime, slots: int) -> None:
    """Walking through two days minute by minute."""
    config = configured(
        annotations={"backup.schedule": "30 2 * * *", "backup.timezone": "Europe/Berlin"}
    )
    begin = start.timestamp()
    state = served(attempted=begin)

    runs = 0
    for minute in range(0, 48 * 60, 5):
        now = begin + minute * 60
        if due.due(now, config, state).backup:
            runs += 1
            state = changed(state, attempted=now)

    assert runs == slots


def test_repeated_next_reaches_every_slot_in_time() -> None:
    """The supervisor wakes only then, and still serves each hour once, on the minute."""
    state, now, runs = served(), NOW, []
    while now < NOW + DAY:
        found = due.due(now, CONFIG, state)
        if found.backup:
            runs.append(now)
            state = changed(state, attempted=now)
            found = due.due(now, CONFIG, state)
        now = found.next

    assert len(runs) == 24
    assert all(moment % HOUR <= 1 for moment in runs)


@pytest.mark.parametrize("task", ["forget", "prune"])
def test_nothing_is_removed_from_a_damaged_repository(task: str) -> None:
    """Prune would take for unused what no index names any more."""
    damaged = remembered(damage=Damage(1, "the index is lost"))

    assert due.maintained(task, configured(), remembered())
    assert not due.maintained(task, configured(), damaged)
