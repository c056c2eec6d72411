"""A repository is created only where restic proves that there is none, and never twice."""

from dataclasses import replace

import pytest

from runner.backup.volumes import backup
from runner.steps.outcome import Failure, Status
from runner.steps.questions import Wait
from runner.steps.result import Completed
from tests.runner.config.workload import configured
from tests.runner.steps.conversation import (
    BACKUP,
    EMPTY,
    FACTS,
    GOOD,
    INIT,
    KEYS,
    LOCKED,
    LOCKS,
    LOOK,
    MISSING,
    ONE_KEY,
    STOPPED,
    WAIT,
    Said,
    failed,
    lock,
    lock_text,
    play,
)


def test_missing_repository_is_initialised_once() -> None:
    """Exit 10, a spread wait, a second look, init, the proof of one key, the backup again."""
    said, outcome = play(
        backup(configured(), FACTS), [MISSING, False, MISSING, EMPTY, False, ONE_KEY, GOOD]
    )

    assert said == [BACKUP, WAIT, LOOK, INIT, WAIT, KEYS, BACKUP]
    assert outcome.status == Status.SUCCESS
    assert outcome.initialised
    assert outcome.protected


def test_exit_10_after_init_does_not_init_again() -> None:
    """Twice initialised is destroyed."""
    said, outcome = play(
        backup(configured(), FACTS), [MISSING, False, MISSING, EMPTY, False, ONE_KEY, MISSING]
    )

    assert said == [BACKUP, WAIT, LOOK, INIT, WAIT, KEYS, BACKUP]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.CONFIG)
    assert outcome.exit_code == 10


def test_a_repository_that_another_pod_created_meanwhile_is_used() -> None:
    """The second look finds it; others may still be creating it, hence the proof."""
    said, outcome = play(backup(configured(), FACTS), [MISSING, False, EMPTY, False, ONE_KEY, GOOD])

    assert said == [BACKUP, WAIT, LOOK, WAIT, KEYS, BACKUP]
    assert outcome.status == Status.SUCCESS
    assert not outcome.initialised, "it was not we who created it"


BEGUN = failed(1, "Fatal: create repository failed: repository already contains keys")
EXISTS = failed(1, "Fatal: create repository failed: config file already exists")


@pytest.mark.parametrize("refused", [BEGUN, EXISTS])
def test_a_repository_that_another_pod_is_creating_is_awaited(refused: Completed) -> None:
    """Its key came before ours, its config comes after."""
    said, outcome = play(
        backup(configured(), FACTS),
        [MISSING, False, MISSING, refused, False, EMPTY, ONE_KEY, GOOD],
    )

    assert said == [BACKUP, WAIT, LOOK, INIT, WAIT, LOOK, KEYS, BACKUP]
    assert outcome.status == Status.SUCCESS
    assert not outcome.initialised


def test_a_repository_that_stays_incomplete_is_a_failure_with_a_remedy() -> None:
    """Nothing is removed by us."""
    said, outcome = play(
        backup(configured(), FACTS), [MISSING, False, MISSING, BEGUN, False, MISSING]
    )

    assert said == [BACKUP, WAIT, LOOK, INIT, WAIT, LOOK]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.CONFIG)
    assert "its creation was interrupted" in outcome.message


def test_a_repository_that_the_first_key_does_not_open_is_repaired() -> None:
    """Its creators may have been stopped before they could."""
    wrong = failed(1, "Fatal: config or key 77aa is damaged: ciphertext verification failed")

    said, outcome = play(backup(configured(), FACTS), [wrong, ONE_KEY, GOOD])

    assert said == [BACKUP, KEYS, BACKUP]
    assert outcome.status == Status.SUCCESS


def test_a_wrong_key_after_a_success_is_no_lost_race() -> None:
    """The config was damaged, or replaced: nothing is repaired."""
    wrong = failed(1, "Fatal: config or key 77aa is damaged: ciphertext verification failed")

    said, outcome = play(backup(configured(), replace(FACTS, had_success=True)), [wrong])

    assert said == [BACKUP]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.REPOSITORY)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "no json"])
def test_an_unexpected_list_of_keys_is_a_failure(text: str) -> None:
    """Exactly one key proves a single init; nothing else does."""
    said, outcome = play(
        backup(configured(), FACTS),
        [MISSING, False, MISSING, EMPTY, False, Completed(0, text=text)],
    )

    assert said == [BACKUP, WAIT, LOOK, INIT, WAIT, KEYS]
    assert outcome.status == Status.FAILURE


def test_keys_that_cannot_be_listed_are_no_proof_of_a_race() -> None:
    """Nobody is told to remove a repository because the network failed."""
    down = failed(1, "Fatal: dial tcp 10.0.0.1:443: connection refused")

    said, outcome = play(backup(configured(), FACTS), [MISSING, False, MISSING, EMPTY, False, down])

    assert said == [BACKUP, WAIT, LOOK, INIT, WAIT, KEYS]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.NETWORK)
    assert "remove" not in outcome.message


def test_a_repository_that_existed_is_never_created_again() -> None:
    """It is gone, or the address is wrong; a new one would hide that."""
    said, outcome = play(backup(configured(), replace(FACTS, had_success=True)), [MISSING])

    assert said == [BACKUP]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.CONFIG)
    assert outcome.exit_code == 10
    assert "gone" in outcome.message


@pytest.mark.parametrize("text", ["never", "Never", " NEVER\n"])
def test_backup_init_never_forbids_init(text: str) -> None:
    """The administrator creates repositories."""
    said, outcome = play(backup(configured(secret={"BACKUP_INIT": text}), FACTS), [MISSING])

    assert said == [BACKUP]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.CONFIG)
    assert "BACKUP_INIT=never" in outcome.message


def test_backup_init_allows_init_with_any_other_value() -> None:
    """A typo never costs a backup."""
    said, _ = play(
        backup(configured(secret={"BACKUP_INIT": "nevr"}), FACTS),
        [MISSING, False, MISSING, EMPTY, False, ONE_KEY, GOOD],
    )

    assert INIT in said


@pytest.mark.parametrize("code", [1, 2, 3, 11, 12, 77, 127, 130, -9])
def test_only_exit_10_at_the_second_check_leads_to_init(code: int) -> None:
    """Whatever else it is, it does not prove absence."""
    said, outcome = play(
        backup(configured(), FACTS), [MISSING, False, failed(code, "Fatal: something")]
    )

    assert said == [BACKUP, WAIT, LOOK]
    assert outcome.status == Status.FAILURE
    assert outcome.exit_code == code


def test_a_failed_init_is_a_failure_with_its_message() -> None:
    """And no backup follows."""
    denied = failed(1, "Fatal: create repository failed: Access Denied")

    said, outcome = play(backup(configured(), FACTS), [MISSING, False, MISSING, denied])

    assert said == [BACKUP, WAIT, LOOK, INIT]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.AUTH)
    assert not outcome.initialised


def test_an_init_is_announced_even_if_the_backup_after_it_fails() -> None:
    """A new repository with its password is news in any case."""
    _, outcome = play(
        backup(configured(), FACTS),
        [MISSING, False, MISSING, EMPTY, False, ONE_KEY, failed(1, "connection reset by peer")],
    )

    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.NETWORK)
    assert outcome.initialised


@pytest.mark.parametrize("proof", [STOPPED, failed(1, "connection refused")])
def test_an_init_is_announced_even_if_its_proof_fails(proof: Completed) -> None:
    """We created something, whoever else did."""
    _, outcome = play(backup(configured(), FACTS), [MISSING, False, MISSING, EMPTY, False, proof])

    assert outcome.initialised


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([MISSING, True], [BACKUP, WAIT]),
        ([MISSING, False, STOPPED], [BACKUP, WAIT, LOOK]),
        ([MISSING, False, MISSING, STOPPED], [BACKUP, WAIT, LOOK, INIT]),
        ([MISSING, False, MISSING, EMPTY, False, STOPPED], [BACKUP, WAIT, LOOK, INIT, WAIT, KEYS]),
        ([LOCKED, STOPPED], [BACKUP, LOCKS]),
        ([LOCKED, Completed(0, text="aa"), STOPPED], [BACKUP, LOCKS, lock("aa")]),
    ],
)
def test_a_stop_ends_the_run_at_any_step(answers: list[Completed | bool], said: list[Said]) -> None:
    """It is nobody's fault, and no class of failure."""
    spoken, outcome = play(backup(configured(), FACTS), answers)

    assert spoken == said
    assert (outcome.status, outcome.failure) == (Status.INTERRUPTED, None)


def test_a_new_repository_with_a_lock_is_handled_like_any_other() -> None:
    """Its neighbours use it too."""
    said, outcome = play(
        backup(configured(), FACTS),
        [MISSING, False, MISSING, EMPTY, False, ONE_KEY, LOCKED, Completed(0, text="aa"),
         lock_text("2026-11-23T12:33:00Z")],
    )  # fmt: skip

    assert said == [BACKUP, WAIT, LOOK, INIT, WAIT, KEYS, BACKUP, LOCKS, lock("aa")]
    assert (outcome.status, outcome.failure) == (Status.SKIPPED, Failure.LOCKED)


def waits(pod: str, spread: str = "60") -> float:
    """Return how long this pod waits before it creates a repository."""
    environment = {"BACKUP_POD": pod, "BACKUP_INIT_SPREAD_SECONDS": spread}
    run = backup(configured(environment), FACTS)
    next(run)
    effect = run.send(MISSING)
    assert isinstance(effect, Wait)
    return effect.seconds


def test_pods_wait_for_different_times_before_an_init() -> None:
    """Simultaneous inits destroy a new repository."""
    spread = [waits(f"wiki-6d4cf56db6-{number:05}") for number in range(30)]

    assert len(set(spread)) > 25
    assert all(0 <= seconds < 60 for seconds in spread)
    assert waits("wiki-0") == waits("wiki-0")
    assert waits("wiki-0", spread="0") == 0


@pytest.mark.parametrize(("took", "expected"), [(0.1, 10), (2, 10), (6, 30), (60, 300)])
def test_a_slowly_created_repository_is_given_more_time(took: float, expected: float) -> None:
    """Another that began at the same moment takes as long, and may not have begun to write."""
    run = backup(configured(), FACTS)
    next(run)
    for answer in (MISSING, False, MISSING):
        run.send(answer)
    effect = run.send(replace(EMPTY, seconds=took))

    assert isinstance(effect, Wait)
    assert effect.seconds == expected
