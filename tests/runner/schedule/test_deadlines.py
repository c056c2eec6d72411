"""By when backups and tasks should have happened, as alerts are told."""

import pytest

from runner.config.model import Config
from runner.schedule import deadlines
from runner.state.model import Task
from tests.runner.config.workload import NOW as MOMENT
from tests.runner.config.workload import changed, configured, remembered

NOW = MOMENT.timestamp()  # a Monday, 12:34
HOUR, DAY = 3600.0, 24 * 3600.0
CADENCES = {
    "backup.schedule": "0 * * * *", "backup.forget": "30 3 * * *",
    "backup.prune": "30 3 * * 0", "backup.check": "30 3 * * 0", "backup.verify": "30 3 * * 0",
}  # fmt: skip
NEXT = NOW + 26 * 60  # 13:00
STATE = remembered(next_due=NEXT)


def _configured(**annotations: str) -> Config:
    return configured(
        annotations={**CADENCES, **{f"backup.{k}": v for k, v in annotations.items()}}
    )


def _due(name: str, task: Task, **annotations: str) -> float:
    state = changed(STATE, tasks={name: task})
    return deadlines.tasks(_configured(**annotations), state)[name]


@pytest.mark.parametrize(
    ("schedule", "next_due", "interval"),
    [
        ("0 * * * *", NEXT, HOUR),
        ("0 13 * * *", NEXT, DAY),
        ("0 13 * * 1-5", NEXT + 4 * DAY, 3 * DAY),  # from Friday to Monday
        ("off", 0, 0),
    ],
)
def test_interval_is_from_the_next_run_to_the_one_after(
    schedule: str, next_due: float, interval: float
) -> None:
    state = changed(STATE, next_due=next_due)

    assert deadlines.interval(_configured(schedule=schedule), state) == interval


def test_task_is_due_with_the_backup_after_its_own_time() -> None:
    """Next Sunday at 03:30, of which the backup at 04:00 takes care."""
    sunday = NOW + 6 * DAY - 8.5 * HOUR - 4 * 60

    for known in (Task(success=NOW, status="success"), Task(attempted=NOW)):
        assert _due("verify", known) == pytest.approx(sunday, abs=HOUR)
        assert _due("verify", known) > sunday - 34 * 60


def test_task_that_keeps_failing_stays_due_since_its_last_success() -> None:
    failing = Task(success=NOW - 20 * DAY, attempted=NOW - DAY, status="failure")

    assert NOW - 20 * DAY < _due("prune", failing) < NOW - 12 * DAY


def test_task_that_never_succeeded_is_due_since_its_first_attempt() -> None:
    assert NOW - 8 * DAY < _due("check", Task(attempted=NOW, status="failure")) <= NOW
    assert NOW - 8 * DAY < _due("check", Task(attempted=NOW, status="skipped", again=True)) <= NOW


def test_manual_drill_that_fails_in_a_new_pod_is_not_overdue_since_before_the_pod() -> None:
    by_hand = Task(since=NOW - HOUR, attempted=NOW, status="failure")
    by_schedule = Task(since=NOW - 30 * DAY, attempted=NOW, status="failure")

    assert NOW < _due("verify", by_hand) < NOW + 7 * DAY
    assert NOW - 8 * DAY < _due("verify", by_schedule) < NOW


@pytest.mark.parametrize(
    ("name", "task", "annotations"),
    [
        ("prune", Task(attempted=NOW, status="skipped"), {}),  # another workload does it
        ("verify", Task(success=NOW - 90 * DAY), {"verify": "off"}),
        ("verify", Task(success=NOW - 90 * DAY), {"schedule": "off"}),
    ],
)
def test_no_deadline_for_tasks_that_are_off_or_left_to_others(
    name: str, task: Task, annotations: dict[str, str]
) -> None:
    next_due = 0 if "schedule" in annotations else NEXT
    state = changed(STATE, next_due=next_due, tasks={name: task})

    assert deadlines.tasks(_configured(**annotations), state)[name] == 0


def test_no_deadline_while_paused_nor_for_deletions_in_an_append_only_repository() -> None:
    old = {name: Task(success=NOW - 90 * DAY) for name in ("forget", "prune", "check", "verify")}
    state = changed(STATE, tasks=old)

    assert set(deadlines.tasks(_configured(), changed(state, next_due=0)).values()) == {0}
    due = deadlines.tasks(_configured(), changed(state, append_only=True))
    assert {name for name, moment in due.items() if not moment} == {"forget", "prune"}


def test_copies_have_a_deadline_only_with_a_second_repository() -> None:
    second = configured(
        secret={"COPY_RESTIC_REPOSITORY": "/second", "COPY_RESTIC_PASSWORD": "staple"},
        annotations=CADENCES,
    )
    state = changed(STATE, tasks={"copy": Task(success=NOW - 34 * 60)})

    assert "copy" not in deadlines.tasks(_configured(), state)
    assert deadlines.tasks(second, state)["copy"] == NEXT
