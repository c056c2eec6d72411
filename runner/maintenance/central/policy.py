"""Tasks of the maintenance job for all workloads of a repository, and their results. Pure."""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from contract.snapshots import Snapshot
from contract.text import counted, listed
from contract.workloads import predecessors
from runner.config.model import Config
from runner.maintenance import operations
from runner.maintenance.central.ruling import Ruling, Verdict
from runner.maintenance.retention import policy_records
from runner.maintenance.retention.policy_records import Owner
from runner.restic import queries
from runner.restic.repository import init, keys, locks
from runner.steps.outcome import Failure, Outcome, Status
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, RunEnded, failed
from runner.steps.task import TaskResult


@dataclass(frozen=True, slots=True)
class Opened:
    """The list of all snapshots of a repository, and whether we made it."""

    listed: Completed
    made: bool


def opened(config: Config, *, may_make: bool) -> Generator[Effect, Result, Opened]:
    """Open the repository, or make it where that may be; raise RunEnded."""
    listed: Completed = yield queries.everyones_snapshots()
    made = False
    if listed.no_repository and may_make:
        made = yield from init.initialise(config, had_success=False)
        listed = yield queries.everyones_snapshots()
    elif listed.wrong_key and may_make:
        yield from keys.prove(config)
        listed = yield queries.everyones_snapshots()
    if listed.code or listed.stopped:
        raise failed(listed, "the repository cannot be opened")
    return Opened(listed, made)


def unlocked(
    task: Callable[[], operations.Task], now: datetime, target: str = ""
) -> Generator[Effect, Result, TaskResult]:
    """Do a task; where locks are in its way and all are old, once more without them."""
    done = yield from task()
    if done.failure != Failure.LOCKED or target:
        return done
    try:
        yield from locks.remove_stale(now, {})
    except RunEnded as ended:
        return TaskResult(ended.outcome.status, ended.outcome.message, ended.outcome.failure)
    return (yield from task())


def forget(
    ruling: Ruling, snapshots: Iterable[Snapshot], limit: float, now: datetime, target: str = ""
) -> operations.Task:
    """Apply retention to those of these snapshots that are one workload's."""
    snapshots, own = list(snapshots), ruling.owner.as_config(ruling.config).identity
    mine = [each for each in snapshots if policy_records.owner_of(each) == ruling.owner]
    known = predecessors.history(own.host, own.tags, snapshots, settled=True).snapshots
    mine += [each for each in known if each.made_as]
    return unlocked(lambda: operations.apply(ruling.config, mine, limit, target), now, target)


def summed(found: Iterable[Ruling], done: Mapping[Owner, TaskResult], strangers: int) -> TaskResult:
    """Return the result of retention as a whole."""
    found = list(found)
    wrong = {ruling.owner: ruling.why for ruling in found if ruling.verdict == Verdict.FAILED}
    wrong |= {owner: each.message for owner, each in done.items() if each.status == Status.FAILURE}
    held = [str(ruling.owner) for ruling in found if ruling.verdict == Verdict.HELD]
    removed = sum(each.removed for each in done.values())
    line = f"{counted(removed, 'snapshot')} of {counted(len(done), 'workload')} removed"
    if held:
        line += f"; kept whole: {listed(held)}"
    if strangers:
        line += f"; {counted(strangers, 'snapshot')} without a sidecar's tags left untouched"
    if not wrong:
        return TaskResult(Status.SUCCESS, line, None, removed)
    named = listed([f"{owner}: {why}" for owner, why in wrong.items()])
    failure = next((each.failure for each in done.values() if each.failure), Failure.CONFIG)
    return TaskResult(Status.FAILURE, f"{named}; of the others, {line}", failure, removed)


def counts(found: Iterable[Ruling], done: Mapping[Owner, TaskResult]) -> dict[str, int]:
    """Return how many workloads there are of each verdict."""
    told = dict.fromkeys(map(str, Verdict), 0)
    for ruling in found:
        one = done.get(ruling.owner)
        failed_now = one is not None and one.status != Status.SUCCESS
        told[Verdict.FAILED if failed_now else ruling.verdict] += 1
    return told


def uncopied(snapshots: Iterable[Snapshot], now: datetime) -> TaskResult | None:
    """Return a failure where workloads that are there want copies, and this job makes none."""
    newest = {
        policy_records.path_of(record): record
        for record in policy_records.found(snapshots, policy_records.RETENTION)
    }
    there = [each for each in newest.values() if now - each.time < policy_records.STALE]
    wanting = [each for each in there if policy_records.COPY in each.tags]
    if not wanting:
        return None
    names = listed(
        sorted(
            str(policy_records.owner_said(each) or policy_records.path_of(each)) for each in wanting
        )
    )
    line = f"COPY_RESTIC_REPOSITORY is not in this job's Secret, but {names} request copies"
    return TaskResult(Status.FAILURE, line, Failure.CONFIG)


def next_subset(last: int, subsets: int) -> int:
    """Return which part of the data is read next: each has its turn."""
    return last % subsets + 1


def outcome(done: Mapping[str, TaskResult]) -> Outcome:
    """Return the result of it all; the worst of it first, and then in words."""

    def of(status: Status) -> list[str]:
        return [f"{name}: {each.message}" for name, each in done.items() if each.status == status]

    line = "; ".join(f"{name}: {each.message}" for name, each in done.items()) or "nothing was due"
    for status in (Status.FAILURE, Status.INTERRUPTED):
        if bad := of(status):
            failure = next((e.failure for e in done.values() if e.status == status), None)
            return Outcome(status, "; ".join(bad), failure)
    skipped = [each for each in done.values() if each.status == Status.SKIPPED]
    if any(each.failure == Failure.LOCKED for each in skipped):
        return Outcome(Status.SKIPPED, "; ".join(of(Status.SKIPPED)), Failure.LOCKED)
    if skipped:
        return Outcome(Status.WARNING, line, skipped[0].failure)
    return Outcome(Status.SUCCESS, line)
