"""Locks are removed where all are old, of their own repository, and never a living one."""

from datetime import timedelta

import pytest

from runner.maintenance import operations
from runner.maintenance.central import policy
from runner.restic import commands
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from tests.runner.config.workload import NOW, configured
from tests.runner.steps.conversation import (
    EMPTY,
    LOCKED,
    LOCKS,
    STOPPED,
    UNLOCK,
    failed,
    lock_text,
    play,
)
from tests.runner.steps.conversation import lock as read

CONFIG = configured()
PRUNE = ("restic", "prune", "-q", "--retry-lock", "300s")
ONE, TWO = Completed(0, text="a1"), Completed(0, text="a1\nb2")
OLD = lock_text((NOW - timedelta(minutes=31)).isoformat())
YOUNG = lock_text((NOW - timedelta(minutes=29)).isoformat())


def test_the_job_removes_locks_that_are_all_stale() -> None:
    task = policy.unlocked(lambda: operations.alone(commands.prune(CONFIG, 600)), NOW)

    said, done = play(task, [LOCKED, TWO, OLD, OLD, EMPTY, EMPTY])

    assert said == [PRUNE, LOCKS, read("a1"), read("b2"), UNLOCK, PRUNE]
    assert done.status == Status.SUCCESS


@pytest.mark.parametrize("answers", [[ONE, YOUNG], [TWO, OLD, YOUNG], [TWO, YOUNG, OLD]])
def test_the_job_waits_for_a_lock_that_may_be_held(answers: list[Completed]) -> None:
    task = policy.unlocked(lambda: operations.alone(commands.prune(CONFIG, 600)), NOW)

    said, done = play(task, [LOCKED, *answers])

    assert UNLOCK not in said
    assert said.count(PRUNE) == 1
    assert (done.status, done.failure) == (Status.SKIPPED, Failure.LOCKED)


def test_the_second_repository_is_not_unlocked_by_the_firsts_locks() -> None:
    step = commands.prune(CONFIG, 600, "second")
    task = policy.unlocked(lambda: operations.alone(step), NOW, step.target)

    said, done = play(task, [LOCKED])

    assert said == [step.argv]
    assert (done.status, done.failure) == (Status.SKIPPED, Failure.LOCKED)


@pytest.mark.parametrize("answer", [EMPTY, STOPPED, failed(1, "Fatal: damaged")])
def test_a_task_without_a_lock_runs_once(answer: Completed) -> None:
    said, done = play(
        policy.unlocked(lambda: operations.alone(commands.prune(CONFIG, 600)), NOW), [answer]
    )

    assert said == [PRUNE]
    assert (done.status == Status.SUCCESS) is (answer is EMPTY)


def test_unlock_removes_and_counts_stale_locks() -> None:
    said, done = play(operations.unlock(CONFIG, NOW, {}), [TWO, TWO, OLD, OLD, EMPTY])

    assert said == [LOCKS, LOCKS, read("a1"), read("b2"), UNLOCK]
    assert (done.status, done.message) == (Status.SUCCESS, "2 old locks removed")


@pytest.mark.parametrize(("answers", "listed"), [([YOUNG], ONE), ([OLD, YOUNG], TWO)])
def test_unlock_keeps_a_live_lock(answers: list[Completed], listed: Completed) -> None:
    said, done = play(operations.unlock(CONFIG, NOW, {}), [listed, listed, *answers])

    assert UNLOCK not in said
    assert (done.status, done.failure) == (Status.SKIPPED, Failure.LOCKED)
    assert done.message == "a lock is younger than 30 minutes, its holder may still be running"


def test_unlock_without_locks_does_nothing() -> None:
    said, done = play(operations.unlock(CONFIG, NOW, {}), [EMPTY])

    assert said == [LOCKS]
    assert (done.status, done.message) == (Status.SUCCESS, "there are no locks")


@pytest.mark.parametrize("answer", [failed(12, "Fatal: wrong password"), STOPPED])
def test_unlock_with_an_unreadable_list_is_a_failure(answer: Completed) -> None:
    said, done = play(operations.unlock(CONFIG, NOW, {}), [answer])

    assert said == [LOCKS]
    assert done.status != Status.SUCCESS


def test_unlock_reports_locks_that_cannot_be_removed() -> None:
    _, done = play(
        operations.unlock(CONFIG, NOW, {}), [ONE, ONE, OLD, failed(1, "Fatal: access denied")]
    )

    assert done.status == Status.FAILURE
    assert "access denied" in done.message
