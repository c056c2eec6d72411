"""What the maintenance job decides: whose retention is applied by which rule, and whose not. Pure.

Each workload's own rule counts, as its newest record says it. Where there is any doubt, all of its
snapshots are kept, and it is named.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from contract import settings
from contract.wording import counted, listed
from runner import clock, keys, locks, maintainer, records, repository, retrieval, steps, upkeep
from runner.config import LIVE, Config
from runner.conversation import Effect, Ended, Result, failed
from runner.outcome import Chored, Failure, Outcome, Status
from runner.output import Completed
from runner.records import Json, Owner, Record

_LEAST = 2
"""Of the newest snapshots, so many stay: the last may be of a volume that has just lost its files,
and its sidecar, which is to say so, has not come to that yet."""


class Verdict(StrEnum):
    """What becomes of a workload's snapshots. Public: label of ``backup_maintenance_workloads``."""

    APPLIED = "applied"
    KEPT = "kept"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Ruling:
    """``config`` is what retention is applied by, where it is; ``why`` says what, or why not."""

    owner: Owner
    verdict: Verdict
    why: str
    config: Config


def opened(config: Config, *, may_make: bool) -> Generator[Effect, Result, tuple[Completed, bool]]:
    """Return the list of all snapshots, and whether we made the repository; raise Ended."""
    listed: Completed = yield retrieval.everyones_snapshots()
    made = False
    if listed.no_repository and may_make:
        made = yield from repository.initialise(config, had_success=False)
        listed = yield retrieval.everyones_snapshots()
    elif listed.wrong_key and may_make:
        yield from keys.prove(config)
        listed = yield retrieval.everyones_snapshots()
    if listed.code or listed.stopped:
        raise failed(listed, "the repository cannot be opened")
    return listed, made


def rulings(
    config: Config, snapshots: Iterable[Json], told: Iterable[Json], now: datetime
) -> list[Ruling]:
    """Return what becomes of each workload's ``snapshots``.

    Records are among ``told``, which is all that the first repository has.
    """
    told = list(told)
    known_there = {records.owner_of(each) for each in told}
    made: dict[Owner, list[datetime]] = {}
    for each in snapshots:
        if owner := records.owner_of(each):
            moment = maintainer.moment(each)
            made.setdefault(owner, []).extend([moment] if moment else [])
    said: dict[str, list[Record]] = {}
    for record in records.found(told, records.RETENTION):
        said.setdefault(record.path, []).append(record)
    mixed = {replace(owner, cluster="") for owner in made if owner.cluster}
    found = []
    for owner, times in sorted(made.items()):
        known = said.get(owner.path, [])
        why = "others differ from it by a tag cluster=… alone, and no filter tells them apart"
        why = why if owner in mixed else _doubt(times, known, now)
        if why:
            found.append(Ruling(owner, Verdict.HELD, why, config))
        elif known:
            found.append(_by_record(config, owner, known[-1]))
        elif owner not in known_there:  # another may be copied to the same place
            why = "it is not in the first repository"
            found.append(Ruling(owner, Verdict.HELD, why, config))
        else:
            found.append(_without(config, owner, times, now))
    return found


def _doubt(times: list[datetime], known: list[Record], now: datetime) -> str:
    """Return why what is said, or what it is said of, cannot be trusted; "" if it can."""
    if known and known[-1].made - now > records.AHEAD:
        return f"its record is of {known[-1].made:%Y-%m-%d}: a clock was wrong; remove it by hand"
    own = bool(known) and records.KEEP_OWN in known[-1].tags  # which is said once
    if known and times and not own and max(times) - known[-1].made > records.STALE:
        return f"its record of {known[-1].made:%Y-%m-%d} is old, and it has backed up since"
    return clock.doubt(times, now)


def _by_record(config: Config, owner: Owner, record: Record) -> Ruling:
    rule = " ".join(record.tags[1:])
    if records.HELD in record.tags:
        why = "a source lost its files: look at the app, then `backup-runner accept`"
        return Ruling(owner, Verdict.HELD, why, config)
    if records.KEEP_OWN in record.tags:
        return Ruling(owner, Verdict.KEPT, "its sidecar sees to it", config)
    if records.KEEP_ALL in record.tags:
        return Ruling(owner, Verdict.KEPT, "all of it, as it says", config)
    try:
        given = records.retention(record)
    except ValueError as error:
        return Ruling(owner, Verdict.FAILED, f"its record cannot be read: {error}", config)
    last = settings.KEEP_LAST.variable or ""
    least = {**given, last: str(max(_LEAST, int(given[last])))}
    values = settings.resolve({}, least, {}, LIVE)
    return Ruling(owner, Verdict.APPLIED, rule, replace(owner.as_config(config), settings=values))


def _without(config: Config, owner: Owner, times: list[datetime], now: datetime) -> Ruling:
    """Judge one that has said nothing: by the job's own Secret, if it is gone for good.

    Where it is not, its sidecar is of an older version, or sees to retention itself.
    """
    why = "it has left no record of what it keeps"
    if not any(key in config.settings.given for key in records.KEYS):
        return Ruling(owner, Verdict.HELD, why, config)
    if times and now - max(times) < records.STALE:
        return Ruling(owner, Verdict.HELD, f"{why}, and still backs up", config)
    why = "by the KEEP_… of the job's own Secret"
    if steps.forget(config) is None:
        return Ruling(owner, Verdict.KEPT, f"all of it, {why}", config)
    return Ruling(owner, Verdict.APPLIED, why, owner.as_config(config))


def unlocked(
    chore: Callable[[], upkeep.Chore], now: datetime, target: str = ""
) -> Generator[Effect, Result, Chored]:
    """Do a chore; where locks are in its way and all are old, once more without them."""
    done = yield from chore()
    if done.failure != Failure.LOCKED or target:
        return done
    try:
        yield from locks.remove_stale(now, {})
    except Ended as ended:
        return Chored(ended.outcome.status, ended.outcome.message, ended.outcome.failure)
    return (yield from chore())


def forget(
    ruling: Ruling, snapshots: Iterable[Json], limit: float, now: datetime, target: str = ""
) -> upkeep.Chore:
    """Apply retention to those of these snapshots that are one workload's."""
    mine = [each for each in snapshots if records.owner_of(each) == ruling.owner]
    return unlocked(lambda: upkeep.apply(ruling.config, mine, limit, target), now, target)


def summed(found: Iterable[Ruling], done: Mapping[Owner, Chored], strangers: int) -> Chored:
    """Return what became of retention as a whole."""
    found = list(found)
    wrong = {ruling.owner: ruling.why for ruling in found if ruling.verdict == Verdict.FAILED}
    wrong |= {owner: each.message for owner, each in done.items() if each.status == Status.FAILURE}
    held = [str(ruling.owner) for ruling in found if ruling.verdict == Verdict.HELD]
    removed = sum(each.removed for each in done.values())
    line = f"{counted(removed, 'snapshot')} of {counted(len(done), 'workload')} removed"
    if held:
        line += f"; kept whole: {listed(held)}"
    if strangers:
        line += f"; {counted(strangers, 'snapshot')} of no sidecar left alone"
    if not wrong:
        return Chored(Status.SUCCESS, line, None, removed)
    named = listed([f"{owner}: {why}" for owner, why in wrong.items()])
    failure = next((each.failure for each in done.values() if each.failure), Failure.CONFIG)
    return Chored(Status.FAILURE, f"{named}; of the others, {line}", failure, removed)


def counts(found: Iterable[Ruling], done: Mapping[Owner, Chored]) -> dict[str, int]:
    """Return how many workloads there are of each verdict."""
    told = dict.fromkeys(map(str, Verdict), 0)
    for ruling in found:
        one = done.get(ruling.owner)
        failed_now = one is not None and one.status != Status.SUCCESS
        told[Verdict.FAILED if failed_now else ruling.verdict] += 1
    return told


def uncopied(snapshots: Iterable[Json], now: datetime) -> Chored | None:
    """Return a failure where workloads that are there want copies, and this job makes none."""
    newest = {record.path: record for record in records.found(snapshots, records.RETENTION)}
    there = [each for each in newest.values() if now - each.made < records.STALE]
    wanting = [each for each in there if records.COPY in each.tags]
    if not wanting:
        return None
    names = listed(sorted(str(records.owner_said(each) or each.path) for each in wanting))
    line = f"COPY_RESTIC_REPOSITORY is not in this job's Secret, and {names} want copies"
    return Chored(Status.FAILURE, line, Failure.CONFIG)


def next_subset(last: int, subsets: int) -> int:
    """Return which part of the data is read next: each has its turn."""
    return last % subsets + 1


def outcome(done: Mapping[str, Chored]) -> Outcome:
    """Return what became of it all; the worst of it first, and then in words."""

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
