"""A locked repository: unlock only if every lock is old, else come again later."""

import pytest

from runner.outcome import Failure, Status
from runner.output import Completed
from runner.run import backup
from tests.runner.conversation import (
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
)  # fmt: skip
from tests.runner.workload import PAGES, UPLOADS, configured

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
def test_old_locks_that_a_run_met_are_counted(answers: list[Completed], met: int | None) -> None:
    """None: it did not get as far as the locks, and what was known stays."""
    _, outcome = play(backup(configured(), FACTS), answers)

    assert outcome.stale_locks == met


def test_a_lock_is_old_by_the_moment_and_not_by_the_zone_it_is_written_in() -> None:
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


def test_a_list_that_failed_halfway_is_no_list() -> None:
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
    """Somebody else took the lock in between: as in any other case, it is tried again later."""
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
def test_a_lock_from_the_far_future_is_named_for_it_may_never_grow_old(
    time: str, named: bool
) -> None:
    """Its age is not known, so it stays; people are told how to remove it."""
    answers = [LOCKED, Completed(0, text="aa11\nbb22\n"), lock_text(time), OLD]

    said, outcome = play(backup(configured(), FACTS), answers)

    assert UNLOCK not in said
    assert (outcome.status, outcome.failure) == (Status.SKIPPED, Failure.LOCKED)
    assert ("locked by wiki, since 20" in outcome.message) == named
    assert ("backup-runner restic unlock --remove-all" in outcome.message) == named
