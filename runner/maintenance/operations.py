"""Retention, prune and check of a repository; none changes the status of a backup."""

from collections.abc import Generator
from dataclasses import replace
from datetime import datetime

from contract.snapshots import Snapshot, dump_tag
from contract.text import counted
from runner.config.model import Config
from runner.maintenance.retention import clock, thinning
from runner.restic import commands, maintainer, queries, snapshots
from runner.restic.lists import array, of_snapshots
from runner.restic.repository import init, locks, opening
from runner.steps import task
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, RunEnded, Step
from runner.steps.task import TaskResult

_AT_ONCE = 100  # snapshots that one command line names

Task = Generator[Effect, Result, TaskResult]


def forget(config: Config, limit: float = 0, target: str = "", *, trial: bool = False) -> Task:
    """Apply retention to this workload's snapshots, and to no others; ``trial``: only look."""
    step = commands.forget(config, limit, target)
    if step is None:
        return TaskResult(Status.SKIPPED, "every keep-* is 0: all snapshots are kept")
    if trial:
        step = replace(step, argv=(*step.argv, "--dry-run", "--no-lock"))
    done: Completed = yield step
    if unfinished := task.unfinished("retention", done):
        return unfinished
    groups = array(done.text)
    removed = sum(len(group.get("remove") or []) for group in groups)
    kept = sum(len(group.get("keep") or []) for group in groups)
    volumes = [group for group in groups if not dump_tag(group.get("tags") or ())]
    known = None if target else sum(len(group.get("keep") or []) for group in volumes)
    return TaskResult(Status.SUCCESS, f"{removed} removed, {kept} kept", None, removed, known)


def retention(config: Config, now: datetime, limit: float, target: str = "") -> Task:
    """Apply retention, unless the times of snapshots cannot be trusted."""
    listed: Completed = yield queries.history(config, target)
    if unfinished := task.unfinished("retention", listed):
        return unfinished
    found = snapshots.history(config, listed, settled=True)
    if why := clock.doubt((each.time for each in found if each.is_dated), now):
        return TaskResult(Status.SKIPPED, why, None, 0, None if target else len(found))
    if not found:
        return TaskResult(Status.SUCCESS, "0 removed, 0 kept", None, 0, None if target else 0)
    return (yield from apply(config, found, limit, target))


def apply(config: Config, found: list[Snapshot], limit: float, target: str = "") -> Task:
    """Apply retention to this workload's snapshots, which are ``found``, and their times sound."""
    # Doubtful ones, and those of earlier names, that would not be kept, were they good and of
    # this name; they push none of those out.
    thinned = thinning.superfluous(config, found)[:_AT_ONCE]
    makers: dict[tuple[str, ...], tuple[str, ...]] = {}
    for each in thinned:
        makers[each.made_as] = (*makers.get(each.made_as, ()), each.id)
    for made_as, ids in makers.items():
        step = commands.forget_these(config, made_as, ids, limit, target)
        forgotten: Completed = yield step
        if unfinished := task.unfinished("retention of doubtful or earlier snapshots", forgotten):
            return unfinished
    done = yield from forget(config, limit, target)
    if not thinned or done.status != Status.SUCCESS:
        return done
    removed = counted(len(thinned), "doubtful or earlier one")
    return replace(done, message=f"{done.message}; {removed} removed before")


def copy(config: Config, limit: float, *, had_success: bool, step: Step | None = None) -> Task:
    """Copy new snapshots to the second repository; create it where there is none.

    ``step`` copies what is not this workload's alone.
    """
    looked: Completed = yield opening.look("second")
    if looked.no_repository:
        try:
            yield from init.initialise(config, had_success=had_success, target="second")
        except RunEnded as ended:
            end = ended.outcome
            return TaskResult(end.status, f"the second repository: {end.message}", end.failure)
    elif unfinished := task.unfinished("opening the second repository", looked):
        return unfinished
    done: Completed = yield step or commands.copy(config, limit)
    return task.unfinished("copy", done) or TaskResult(Status.SUCCESS, "done")


def prune(config: Config, now: datetime, limit: float, target: str = "") -> Task:
    """Free the space of forgotten snapshots, if it is this workload's turn."""
    return (yield from _if_elected(config, now, commands.prune(config, limit, target)))


def check(config: Config, now: datetime, limit: float) -> Task:
    """Check the repository, if it is this workload's turn."""
    return (yield from _if_elected(config, now, commands.check(config, limit)))


def alone(step: Step) -> Task:
    """Prune or check on request, without an election."""
    done: Completed = yield step
    return task.unfinished(step.name, done) or TaskResult(Status.SUCCESS, "done")


def unlock(config: Config, now: datetime, unread: dict[str, float]) -> Task:
    """Remove the locks on request; none if one of them may be live."""
    listed: Completed = yield opening.locks()
    if listed.code or listed.stopped:
        return task.failed("reading the locks", listed)
    if not listed.text.split():
        return TaskResult(Status.SUCCESS, "there are no locks")
    try:
        folder = opening.local_folder(config)
        stale = yield from locks.remove_stale(now, unread, folder, torn=None)
    except RunEnded as ended:
        line = "a lock is younger than 30 minutes, its holder may still be running"
        locked = ended.outcome.failure == Failure.LOCKED
        return TaskResult(ended.outcome.status, line if locked else ended.outcome.message,
                      ended.outcome.failure)  # fmt: skip
    return TaskResult(Status.SUCCESS, f"{counted(stale, 'old lock')} removed")


def _if_elected(config: Config, now: datetime, step: Step) -> Task:
    listed: Completed = yield queries.everyones_snapshots(step.target)
    if unfinished := task.unfinished(step.name, listed):
        return unfinished
    chosen = maintainer.elected(config, of_snapshots(listed.text), now)
    if chosen:
        return TaskResult(Status.SKIPPED, f"{chosen} does it for all workloads in the repository")
    return (yield from alone(step))
