"""A locked repository: unlock only if every lock is old, else come again later."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runner.backup.volumes import backup
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from tests.runner.config.workload import NOW, PAGES, UPLOADS, configured
from tests.runner.steps.conversation import (
    BACKUP,
    EMPTY,
    FACTS,
    GOOD,
    LOCKED,
    LOCKS,
    UNLOCK,
    failed,
    lock,
    lock_text,
    partly,
    play,
)

# Now is 12:34 UTC.
OLD = lock_text("2026-11-23T12:03:59.123456789Z")
YOUNG = lock_text("2026-11-23T12:04:00.5Z")
TWO = Completed(0, text="aa11\nbb22\n")


def test_old_locks_are_removed_once_and_the_backup_runs_again() -> None:
    """Each of them was looked at."""
    said, outcome = play(backup(configured(), FACTS), [LOCKED, TWO, OLD, OLD, EMPTY, GOOD])

    assert said == [BACKUP, LOCKS, lock("aa11"), lock("bb22"), UNLOCK, BACKUP]
    assert outcome.status == Status.SUCCESS


@pytest.mark.parametrize(
    "other",
    [
        YOUNG,
        lock_text("2026-11-23T12:33:59Z"),
        lock_text("2026-11-23T13:33:59+01:00"),
        lock_text("2027-01-01T00:00:00Z"),
        lock_text("2026-11-23T11:00:00"),
        lock_text("long ago"),
        Completed(0, text='{"exclusive": true}'),
        Completed(0, text="[]"),
        Completed(0, text='{"time": null}'),
        Completed(0, text=""),
        failed(1, "Fatal: load <lock/bb22>: does not exist"),
        Completed(1, text=OLD.text),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_one_young_or_unreadable_lock_forbids_unlock(other: Completed, first: bool) -> None:
    """Plain unlock takes a live lock of an equal host name elsewhere for stale."""
    answers = [other, OLD] if first else [OLD, other]

    said, outcome = play(backup(configured(), FACTS), [LOCKED, TWO, *answers])

    assert said == [BACKUP, LOCKS, lock("aa11"), lock("bb22")]
    assert (outcome.status, outcome.failure) == (Status.SKIPPED, Failure.LOCKED)
    assert outcome.exit_code == 11


@pytest.mark.parametrize(
    ("answers", "met"),
    [
        ([GOOD], 0),
        ([partly(["/backup/pages/x"]), {PAGES: 9, UPLOADS: 9}], 0),
        ([failed(1, "Fatal: no such host")], None),
        ([LOCKED, TWO, OLD, OLD, EMPTY, GOOD], 2),
        ([LOCKED, TWO, OLD, OLD, EMPTY, LOCKED], 2),
        ([LOCKED, TWO, OLD, OLD, EMPTY, failed(1, "Fatal: no such host")], 2),
        ([LOCKED, TWO, OLD, YOUNG], 1),
        ([LOCKED, TWO, YOUNG, YOUNG], 0),
        ([LOCKED, failed(1, "Fatal: no such host")], 0),
    ],
)
def test_stale_locks_that_a_run_found_are_counted(
    answers: list[Completed], met: int | None
) -> None:
    """None: it did not get as far as the locks, and what was known stays."""
    _, outcome = play(backup(configured(), FACTS), answers)

    assert outcome.stale_locks == met


def test_the_age_of_a_lock_respects_its_time_zone() -> None:
    """The host that wrote it may live elsewhere."""
    answers = [LOCKED, Completed(0, text="aa11"), lock_text("2026-11-23T19:03:59+07:00")]

    said, _ = play(backup(configured(), FACTS), [*answers, EMPTY, GOOD])

    assert said == [BACKUP, LOCKS, lock("aa11"), UNLOCK, BACKUP]


@pytest.mark.parametrize(
    "listed", [EMPTY, Completed(0, text="\n"), failed(1, "Fatal: no such host")]
)
def test_without_a_list_of_locks_there_is_no_unlock(listed: Completed) -> None:
    """What cannot be seen is not old."""
    said, outcome = play(backup(configured(), FACTS), [LOCKED, listed])

    assert said == [BACKUP, LOCKS]
    assert (outcome.status, outcome.failure) == (Status.SKIPPED, Failure.LOCKED)


def test_a_partial_list_of_locks_is_not_used() -> None:
    """There may be more locks than it names."""
    listed = Completed(1, text="aa11\n")

    said, outcome = play(backup(configured(), FACTS), [LOCKED, listed])

    assert UNLOCK not in said
    assert outcome.status == Status.SKIPPED


def test_a_failing_unlock_is_a_failure() -> None:
    """And no backup follows."""
    answers = [LOCKED, Completed(0, text="aa11"), OLD, failed(1, "Fatal: Access Denied")]

    said, outcome = play(backup(configured(), FACTS), answers)

    assert said == [BACKUP, LOCKS, lock("aa11"), UNLOCK]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.AUTH)


def test_locked_again_after_unlock_does_not_unlock_again() -> None:
    """Somebody else took the lock in between: as in any other case, retrying later."""
    answers = [LOCKED, Completed(0, text="aa11"), OLD, EMPTY, LOCKED]

    said, outcome = play(backup(configured(), FACTS), answers)

    assert said == [BACKUP, LOCKS, lock("aa11"), UNLOCK, BACKUP]
    assert (outcome.status, outcome.failure) == (Status.SKIPPED, Failure.LOCKED)


def test_unlock_never_removes_all() -> None:
    """Not by any path through a run."""
    said, _ = play(backup(configured(), FACTS), [LOCKED, TWO, OLD, OLD, EMPTY, GOOD])

    assert not [argv for argv in said if "--remove-all" in argv]


@pytest.mark.parametrize(
    ("time", "named"),
    [
        ("2026-11-24T12:33:59Z", False),
        ("2026-11-24T12:34:01Z", True),
        ("2031-01-01T02:00:00.5+01:00", True),
    ],
)
def test_a_lock_from_the_far_future_is_named(time: str, named: bool) -> None:
    """Its age is not known, so it stays; people are told how to remove it."""
    answers = [LOCKED, Completed(0, text="aa11\nbb22\n"), lock_text(time), OLD]

    said, outcome = play(backup(configured(), FACTS), answers)

    assert UNLOCK not in said
    assert (outcome.status, outcome.failure) == (Status.SKIPPED, Failure.LOCKED)
    assert ("locked by wiki, since 20" in outcome.message) == named
    assert ("backup-runner restic unlock --remove-all" in outcome.message) == named


TORN = failed(1, "Fatal: invalid lock file: LoadRaw(<lock/aa11>): invalid data returned")
NOISE = failed(1, "LoadRaw(<lock/aa11>): invalid data returned")
ALL = ("restic", "unlock", "--remove-all", "-q")
ONE = Completed(0, text="aa11\n")
HALF_AN_HOUR = 30 * 60


@pytest.mark.parametrize(
    "unreadable", [NOISE, Completed(0, text=""), Completed(0, text='{"time": null}')]
)
def test_a_torn_lock_is_removed_after_half_an_hour(unreadable: Completed) -> None:
    """From when it was seen first: restic does not tell when it was written."""
    seen: dict[str, float] = {"gone": 1.0}
    facts = replace(FACTS, unread_locks=seen)
    said, outcome = play(backup(configured(), facts), [TORN, ONE, unreadable])

    assert said == [BACKUP, LOCKS, lock("aa11")]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.REPOSITORY)
    assert "unlock --remove-all" in outcome.message
    assert seen == {"aa11": NOW.timestamp()}

    later = replace(facts, now=NOW + timedelta(seconds=HALF_AN_HOUR + 1))
    said, outcome = play(backup(configured(), later), [TORN, ONE, unreadable, ONE, EMPTY, GOOD])

    assert said == [BACKUP, LOCKS, lock("aa11"), LOCKS, ALL, BACKUP]
    assert outcome.status == Status.SUCCESS


@pytest.mark.parametrize(
    "other", [YOUNG, failed(1, "Fatal: load <lock/bb22>: does not exist"), Completed(0, text="[]")]
)
def test_nothing_is_removed_beside_a_lock_that_may_be_held(other: Completed) -> None:
    """A torn one is no licence for those of others."""
    facts = replace(FACTS, unread_locks={"aa11": NOW.timestamp() - HALF_AN_HOUR - 1})

    said, outcome = play(backup(configured(), facts), [TORN, TWO, NOISE, other])

    assert said == [BACKUP, LOCKS, lock("aa11"), lock("bb22")]
    assert outcome.status == Status.FAILURE


def test_a_torn_lock_that_another_process_removed_is_no_error() -> None:
    """It may hold one of its own by now."""
    facts = replace(FACTS, unread_locks={"aa11": 1.0})
    new = Completed(0, text="cc33\n")

    said, outcome = play(backup(configured(), facts), [TORN, ONE, NOISE, new])

    assert said == [BACKUP, LOCKS, lock("aa11"), LOCKS]
    assert (outcome.status, outcome.failure) == (Status.SKIPPED, Failure.LOCKED)


def test_an_empty_lock_beside_stale_ones_is_left_to_restic() -> None:
    """It takes locks beside empty ones, so that one may be taken at any time."""
    facts = replace(FACTS, unread_locks={"bb22": 1.0})

    said, _ = play(backup(configured(), facts), [LOCKED, TWO, OLD, NOISE, EMPTY, GOOD])

    assert said == [BACKUP, LOCKS, lock("aa11"), lock("bb22"), UNLOCK, BACKUP]


def test_a_clock_that_was_ahead_makes_no_torn_lock_old() -> None:
    facts = replace(FACTS, unread_locks={"aa11": NOW.timestamp() + 9e6})

    said, _ = play(backup(configured(), facts), [TORN, ONE, NOISE])

    assert said == [BACKUP, LOCKS, lock("aa11")]
    assert facts.unread_locks == {"aa11": NOW.timestamp()}


def test_a_torn_lock_in_a_folder_is_as_old_as_its_file() -> None:
    """The folder's own clock tells, also a sidecar that is new."""
    config = configured(secret={"RESTIC_REPOSITORY": "/repository", "RESTIC_PASSWORD": "pw"})
    written = {"aa11": NOW.timestamp() - HALF_AN_HOUR - 1}

    said, outcome = play(backup(config, FACTS), [TORN, ONE, NOISE, written, ONE, EMPTY, GOOD])

    assert said[3:] == [("ages", "/repository/locks"), LOCKS, ALL, BACKUP]
    assert outcome.status == Status.SUCCESS
