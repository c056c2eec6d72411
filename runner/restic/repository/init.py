"""Opens the repository for a step that writes, and creates it if there is none. Pure."""

from collections.abc import Generator
from dataclasses import dataclass, replace

from contract import exit_codes
from contract.annotations.schedule import stable_hash
from runner.config.model import Config
from runner.restic.repository import keys, locks, opening
from runner.steps.evaluate import Facts
from runner.steps.outcome import Failure, Status
from runner.steps.questions import Wait
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, RunEnded, Step, failed

_USUAL = 2  # seconds that an init takes where nothing slows it
_BEGUN = (
    "the repository has keys but no config: its creation was interrupted, or another pod is "
    "creating it; if this persists and only `keys` contains files, remove them manually"
)


@dataclass(frozen=True, slots=True)
class Written:
    """How a step ended, whether we made the repository for it, and how many stale locks went."""

    done: Completed
    initialised: bool
    stale: int


def written(config: Config, step: Step, facts: Facts) -> Generator[Effect, Result, Written]:
    """Run a step that writes a snapshot; return how it ended, and what else was done for it.

    Raises RunEnded if there is none to write to, or others hold it.
    """
    done: Completed = yield step
    initialised = False
    if done.no_repository:
        initialised = yield from initialise(config, had_success=facts.had_success)
        done = yield step
    elif done.wrong_key and not facts.had_success:
        yield from keys.prove(config)
        done = yield step
    stale = 0
    try:
        if done.torn_lock or done.locked:
            folder = opening.local_folder(config)
            stale = yield from locks.remove_stale(
                facts.now, facts.unread_locks, folder, torn=done.torn_lock
            )
            done = yield step
        if done.locked:
            raise locks.locked(stale)
    except RunEnded as ended:
        ended.outcome = replace(ended.outcome, initialised=initialised)
        raise
    return Written(done, initialised, stale)


def initialise(
    config: Config, *, had_success: bool, target: str = ""
) -> Generator[Effect, Result, bool]:
    """Create the repository that restic says is not there; return False if another pod did."""
    if had_success:
        line = (
            "the repository is gone: it existed before and restic finds none now; check "
            "RESTIC_REPOSITORY, then bring the repository back, or remove the backup state to "
            "start over"
        )
        raise RunEnded(Status.FAILURE, line, Failure.CONFIG, exit_codes.NO_REPOSITORY)
    if not config.repository.may_init:
        line = "there is no repository, and BACKUP_INIT=never forbids creating one"
        raise RunEnded(Status.FAILURE, line, Failure.CONFIG, exit_codes.NO_REPOSITORY)
    # Simultaneous inits destroy a new repository: pods that share one wait differently long.
    if (yield Wait(_share(config) * config.timing.init_spread, "before creating the repository")):
        raise RunEnded(Status.INTERRUPTED, "stopped before the repository was created")
    looked: Completed = yield opening.look(target)
    if (looked.code == 0 and not looked.stopped) or looked.wrong_key:
        yield from _settle(config, target, looked.seconds)
        return False
    if not looked.no_repository:
        raise failed(looked, "the repository cannot be opened")
    made: Completed = yield opening.init(target)
    if made.was_begun and not made.stopped:
        yield from _await_others(config, target)
        return False
    if made.code or made.stopped:
        raise failed(made, "the repository cannot be created")
    try:
        yield from _settle(config, target, made.seconds)
    except RunEnded as ended:
        ended.outcome = replace(ended.outcome, initialised=True)
        raise
    return True


def _await_others(config: Config, target: str) -> Generator[Effect, Result, None]:
    """Wait for an init that started before ours; raise RunEnded if none completes."""
    if (yield Wait(config.timing.init_settle, "for another pod that is creating the repository")):
        raise RunEnded(Status.INTERRUPTED, "stopped before another pod had created the repository")
    looked: Completed = yield opening.look(target)
    if looked.no_repository:
        raise RunEnded(Status.FAILURE, _BEGUN, Failure.CONFIG, looked.code)
    yield from keys.prove(config, target)


def _settle(config: Config, target: str, took: float) -> Generator[Effect, Result, None]:
    """Wait for concurrent inits; then prove that there was only one.

    If a command took long for us, theirs do: they have as little CPU, or the same server.
    """
    longer = max(1, took / _USUAL)
    if (yield Wait(config.timing.init_settle * longer, "until the new repository has settled")):
        raise RunEnded(Status.INTERRUPTED, "stopped before the new repository had settled")
    yield from keys.prove(config, target)


def _share(config: Config) -> float:
    own = config.identity
    return stable_hash(f"{own.namespace}/{own.pod or own.host}") % 1000 / 1000
