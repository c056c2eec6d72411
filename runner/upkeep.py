"""What a repository needs beside backups: retention, prune, check; none marks a backup failed."""

from collections.abc import Generator
from dataclasses import replace
from datetime import datetime

from contract.wording import counted
from runner import (
    clock,
    history,
    locks,
    maintainer,
    opening,
    repository,
    retrieval,
    steps,
    thinning,
)
from runner.config import Config
from runner.conversation import Effect, Ended, Result
from runner.lists import array
from runner.maintainer import Json
from runner.outcome import Chored, Failure, Status
from runner.output import Completed
from runner.steps import Step

_AT_ONCE = 100  # snapshots that one command line names

Chore = Generator[Effect, Result, Chored]


def forget(config: Config, limit: float = 0, target: str = "", *, trial: bool = False) -> Chore:
    """Apply retention to this workload's snapshots, and to no others; ``trial``: only look."""
    step = steps.forget(config, limit, target)
    if step is None:
        return Chored(Status.SKIPPED, "every keep-* is 0: all snapshots are kept")
    if trial:
        step = replace(step, argv=(*step.argv, "--dry-run", "--no-lock"))
    done: Completed = yield step
    if unfinished := _unfinished("retention", done):
        return unfinished
    groups = array(done.text)
    removed = sum(len(group.get("remove") or []) for group in groups)
    kept = sum(len(group.get("keep") or []) for group in groups)
    volumes = [group for group in groups if not history.is_dump(group)]
    known = None if target else sum(len(group.get("keep") or []) for group in volumes)
    return Chored(Status.SUCCESS, f"{removed} removed, {kept} kept", None, removed, known)


def retention(config: Config, now: datetime, limit: float, target: str = "") -> Chore:
    """Apply retention, unless the times of snapshots cannot be trusted."""
    listed: Completed = yield retrieval.snapshots(config, target)
    if unfinished := _unfinished("retention", listed):
        return unfinished
    found = array(listed.text)
    if why := clock.doubt(filter(None, map(maintainer.moment, found)), now):
        return Chored(Status.SKIPPED, why, None, 0, None if target else len(found))
    if not found:
        return Chored(Status.SUCCESS, "0 removed, 0 kept", None, 0, None if target else 0)
    return (yield from apply(config, found, limit, target))


def apply(config: Config, found: list[Json], limit: float, target: str = "") -> Chore:
    """Apply retention to this workload's snapshots, which are ``found``, and their times sound."""
    # Doubtful ones that would not be kept, were they good; they push none of those out.
    thinned = thinning.superfluous(config, found)[:_AT_ONCE]
    if thinned:
        forgotten: Completed = yield steps.forget_doubtful(config, thinned, limit, target)
        if unfinished := _unfinished("retention of doubtful snapshots", forgotten):
            return unfinished
    done = yield from forget(config, limit, target)
    if not thinned or done.status != Status.SUCCESS:
        return done
    removed = counted(len(thinned), "doubtful one")
    return replace(done, message=f"{done.message}; {removed} removed before")


def copy(config: Config, limit: float, *, had_success: bool, step: Step | None = None) -> Chore:
    """Copy new snapshots to the second repository; create it where there is none.

    ``step`` copies what is not this workload's alone.
    """
    looked: Completed = yield opening.look("second")
    if looked.no_repository:
        try:
            yield from repository.initialise(config, had_success=had_success, target="second")
        except Ended as ended:
            end = ended.outcome
            return Chored(end.status, f"the second repository: {end.message}", end.failure)
    elif unfinished := _unfinished("opening the second repository", looked):
        return unfinished
    done: Completed = yield step or steps.copy(config, limit)
    return _unfinished("copy", done) or Chored(Status.SUCCESS, "done")


def prune(config: Config, now: datetime, limit: float, target: str = "") -> Chore:
    """Free the space of forgotten snapshots, if it is this workload's turn."""
    return (yield from _if_elected(config, now, steps.prune(config, limit, target)))


def check(config: Config, now: datetime, limit: float) -> Chore:
    """Check the repository, if it is this workload's turn."""
    return (yield from _if_elected(config, now, steps.check(config, limit)))


def alone(step: Step) -> Chore:
    """Prune or check because somebody asks for it, whoever's turn it is."""
    done: Completed = yield step
    return _unfinished(step.name, done) or Chored(Status.SUCCESS, "done")


def unlock(config: Config, now: datetime, unread: dict[str, float]) -> Chore:
    """Remove the locks because somebody asks for it; none where one of them may be alive."""
    listed: Completed = yield opening.locks()
    if listed.code or listed.stopped:
        return failed("reading the locks", listed)
    if not listed.text.split():
        return Chored(Status.SUCCESS, "there are no locks")
    try:
        folder = opening.local_folder(config)
        stale = yield from locks.remove_stale(now, unread, folder, torn=None)
    except Ended as ended:
        line = "not every lock is older than 30 minutes: whoever holds one may be at work"
        locked = ended.outcome.failure == Failure.LOCKED
        return Chored(ended.outcome.status, line if locked else ended.outcome.message,
                      ended.outcome.failure)  # fmt: skip
    return Chored(Status.SUCCESS, f"{counted(stale, 'old lock')} removed")


def _if_elected(config: Config, now: datetime, step: Step) -> Chore:
    listed: Completed = yield retrieval.everyones_snapshots(step.target)
    if unfinished := _unfinished(step.name, listed):
        return unfinished
    chosen = maintainer.elected(config, array(listed.text), now)
    if chosen:
        return Chored(Status.SKIPPED, f"{chosen} does it for all who share the repository")
    return (yield from alone(step))


def _unfinished(what: str, done: Completed) -> Chored | None:
    """Return what became of a chore whose command came to no good end."""
    if done.must_not_delete and done.code != 11 and done.stopped not in {"signal", "time"}:
        line = "the repository is append-only: retention and prune are left to its owner"
        return Chored(Status.SKIPPED, line, Failure.AUTH)
    return failed(what, done) if done.code or done.stopped else None


def failed(what: str, done: Completed) -> Chored:
    """Return what became of a chore whose command failed or was stopped."""
    if done.stopped == "signal":
        return Chored(Status.INTERRUPTED, "stopped before it was done")
    if done.stopped == "time":
        line = "stopped before it was done: a backup goes first; a later time may suit it better"
        return Chored(Status.INTERRUPTED, line)
    if done.code == 11 and not done.stopped:
        return Chored(Status.SKIPPED, "the repository is locked", Failure.LOCKED)
    return Chored(Status.FAILURE, f"{what} failed: {done.said}", done.failure)
