"""By when each task is overdue, to the second."""

from datetime import UTC, datetime

from contract.annotations import settings
from runner.config.model import Config
from runner.schedule import deadlines, due
from runner.state.model import Task
from tests.runner.config.workload import NOW as MOMENT
from tests.runner.config.workload import configured, remembered

NOW = MOMENT.timestamp()  # a Monday, 12:34
HOUR, DAY = 3600.0, 24 * 3600.0
SUNDAY = datetime(2026, 11, 29, 3, 30, tzinfo=UTC).timestamp()
SECOND = {"COPY_RESTIC_REPOSITORY": "/second"}


def _weekly(**secret: str) -> Config:
    keys = ("forget", "prune", "check", "verify")
    weekly = dict.fromkeys((f"backup.{key}" for key in keys), "30 3 * * 0")
    return configured(secret=secret, annotations={"backup.schedule": "0 * * * *", **weekly})


def test_a_task_is_overdue_after_the_backup_that_follows_its_own_time() -> None:
    state = remembered(next_due=NOW + HOUR, tasks={"check": Task(success=NOW)})

    assert deadlines.tasks(_weekly(), state)["check"] == SUNDAY + HOUR / 2


def test_the_interval_is_that_of_slots_also_before_a_retry() -> None:
    state = remembered(next_due=NOW + 5 * 60)  # the slot is at 13:00

    assert deadlines.interval(_weekly(), state) == HOUR


def test_the_interval_starts_with_the_next_slot() -> None:
    config = configured(annotations={"backup.schedule": "0 13,14,20 * * *"})
    slot = MOMENT.replace(hour=13, minute=0).timestamp()

    assert deadlines.interval(config, remembered(next_due=slot)) == HOUR


def test_a_daily_job_has_a_day_for_each_task() -> None:
    done = {name: Task(success=NOW) for name in ("forget", "prune", "check")}
    state = remembered(began=NOW - 9 * DAY, tasks=done)

    assert deadlines.of_job(_weekly(), state) == dict.fromkeys(done, SUNDAY + DAY)
    append_only = deadlines.of_job(
        _weekly(), remembered(began=NOW - 9 * DAY, tasks=done, append_only=True)
    )
    assert append_only == {"forget": 0, "prune": 0, "check": SUNDAY + DAY}


def test_copies_are_the_jobs_too_with_their_own_retention_and_prune() -> None:
    assert due.central(_weekly()) == ("forget", "prune", "check")
    assert due.central(_weekly(**SECOND)) == (
        "forget", "prune", "check", "copy", "copy_forget", "copy_prune",
    )  # fmt: skip


def test_tasks_of_one_workload_are_not_due_at_the_same_time() -> None:
    """Each hashes its own name: else prune and check of a repository would wait for each other."""
    config = configured(annotations={"backup.prune": "H H * * *", "backup.check": "H H * * *"})
    cadence, zone = config.settings[settings.PRUNE], config.settings[settings.TIMEZONE]
    state = remembered(attempted=NOW)

    for name in ("prune", "check"):
        moment = cadence.next_after(NOW, zone, f"{config.identity.seed}/{name}") or 0
        state.repository.tasks[name] = Task(attempted=NOW)
        assert not due.has_come(name, moment - 1, config, state)
        assert due.has_come(name, moment, config, state)
