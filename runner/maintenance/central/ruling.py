"""Decides whose retention the maintenance job applies, and by which rule. Pure.

Each workload's newest record decides; but anyone with the repository's password can write such a
record. So no record keeps less than the job's own floor, and one that keeps less than before waits
for the grace period. In doubt, all snapshots of the workload are kept, and it is named.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from contract.snapshots import Snapshot
from contract.workloads import predecessors
from runner.config.model import Config
from runner.maintenance.retention import clock, policy_records
from runner.maintenance.retention.policy_records import Owner
from runner.policy import grace, keep_policy
from runner.policy.grace import Known
from runner.restic import commands

_LEAST = 2
"""Of the newest snapshots, so many stay: the last may be of a volume that has just lost its files,
and its sidecar, which is to say so, has not come to that yet."""


class Verdict(StrEnum):
    """The ruling on a workload's snapshots. Public: label of ``backup_maintenance_workloads``."""

    APPLIED = "applied"
    KEPT = "kept"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Ruling:
    """``config`` applies retention, if it applies; ``why`` is the policy, or why it does not.

    ``known`` is to be remembered of its policy. ``shrinks`` says that it is to keep less soon, ""
    where it is not, or where nothing of it was ever removed.
    """

    owner: Owner
    verdict: Verdict
    why: str
    config: Config
    known: Known = grace.UNKNOWN
    shrinks: str = ""


def rulings(
    config: Config, snapshots: Iterable[Snapshot], told: Iterable[Snapshot], now: datetime,
    policies: Mapping[str, Known],
) -> list[Ruling]:  # fmt: skip
    """Return the ruling on each workload's ``snapshots``.

    Records are among ``told``, which is all that the first repository has; ``policies`` are what
    earlier jobs knew, by the path of a workload's records.
    """
    told, snapshots = list(told), list(snapshots)
    known_there = {policy_records.owner_of(each) for each in told}
    made: dict[Owner, list[datetime]] = {}
    for each in snapshots:
        if owner := policy_records.owner_of(each):
            made.setdefault(owner, []).extend([each.time] if each.is_dated else [])
    said: dict[str, list[Snapshot]] = {}
    for record in policy_records.found(told, policy_records.RETENTION):
        said.setdefault(policy_records.path_of(record), []).append(record)
    followed = _followed(config, made, snapshots)
    mixed = {replace(owner, cluster="") for owner in made if owner.cluster}
    found = []
    for owner, times in sorted(made.items()):
        known = said.get(owner.path, [])
        before = policies.get(owner.path, grace.UNKNOWN)
        why = "other workloads differ from it only by a tag cluster=…, which no filter can separate"
        why = why if owner in mixed else _doubt(times, known, now)
        if why:
            found.append(Ruling(owner, Verdict.HELD, why, config, before))
        elif successor := followed.get(owner):
            why = f"retention of {successor}, its later name, counts it"
            found.append(Ruling(owner, Verdict.KEPT, why, config, before))
        elif known:
            found.append(_by_record(config, owner, known, before, now))
        elif owner not in known_there:  # another may be copied to the same place
            why = "it is not in the first repository"
            found.append(Ruling(owner, Verdict.HELD, why, config, before))
        else:
            found.append(_without(config, owner, times, now))
    return found


def _followed(
    config: Config, owners: Iterable[Owner], snapshots: Iterable[Snapshot]
) -> dict[Owner, Owner]:
    """Return the owners of which another is the later name, and that one."""
    snapshots, found = list(snapshots), {}
    for owner in owners:
        own = owner.as_config(config).identity
        known = predecessors.history(own.host, own.tags, snapshots, settled=True).snapshots
        for host, *tags in {each.made_as for each in known if each.made_as}:
            if former := policy_records.owner_of(Snapshot(host=host, tags=tuple(tags))):
                found[former] = owner
    return found


def _doubt(times: list[datetime], known: list[Snapshot], now: datetime) -> str:
    """Return why a record, or its snapshots, cannot be trusted; "" if they can."""
    if known and known[-1].time - now > policy_records.AHEAD:
        return (
            f"its record is of {known[-1].time:%Y-%m-%d}, in the future: a clock was wrong; "
            "remove the record manually"
        )
    own = bool(known) and policy_records.KEEP_OWN in known[-1].tags  # which is said once
    if known and times and not own and max(times) - known[-1].time > policy_records.STALE:
        return f"its record of {known[-1].time:%Y-%m-%d} is old, but it has backed up since"
    return clock.doubt(times, now)


def _by_record(
    config: Config, owner: Owner, said: list[Snapshot], before: Known, now: datetime
) -> Ruling:
    record = said[-1]
    if policy_records.HELD in record.tags:
        why = "a source lost its files: look at the app, then `backup-runner accept`"
        return Ruling(owner, Verdict.HELD, why, config, before)
    if policy_records.KEEP_OWN in record.tags:
        all_of_it = Known(keep_policy.EVERYTHING)
        return Ruling(owner, Verdict.KEPT, "its sidecar applies it", config, all_of_it)
    try:
        asked = policy_records.asked(record)
    except ValueError as error:
        why = f"its record cannot be read: {error}"
        return Ruling(owner, Verdict.FAILED, why, config, before)
    others = [(each.time, wish) for each in said[:-1] if (wish := _wish(each)) is not None]
    more = [made for made, wish in others if not keep_policy.covers(asked, wish)]
    if more and before.keeps is None:
        before = replace(
            before, keeps=keep_policy.EVERYTHING
        )  # what asks for more may soon be gone
    if before.asked is not None and any(made.timestamp() > before.since for made in more):
        before = Known(before.keeps)  # another record has contradicted it since
    seconds = config.maintenance.floor.grace
    judged = grace.judge(before, asked, now.timestamp(), seconds)
    keeps, known = judged.keeps, judged.known
    waits = grace.says(known, seconds)
    why = waits or " ".join(record.tags[1:])
    shrinks = waits if before.keeps is not None or more else ""
    if not keeps:
        why = f"all of it: {waits}" if waits else "everything, as its record requests"
        return Ruling(owner, Verdict.KEPT, why, config, known, shrinks)
    ours = _under_floor(owner.as_config(config), keeps)
    return Ruling(owner, Verdict.APPLIED, why, ours, known, shrinks)


def _wish(record: Snapshot) -> keep_policy.Policy | None:
    try:
        return policy_records.asked(record)
    except ValueError:
        return None  # it asks for nothing that could be kept


def _under_floor(config: Config, keeps: keep_policy.Policy) -> Config:
    """Return ``config`` with a policy that keeps at least the floor and two snapshots."""
    floor = config.maintenance.floor
    least = replace(floor, last=max(_LEAST, floor.last or 0)).under(keeps)
    return replace(config, settings=keep_policy.applied(config.settings, least))


def _without(config: Config, owner: Owner, times: list[datetime], now: datetime) -> Ruling:
    """Rule on a workload without a record: by the job's own Secret, if it is gone for good.

    If it still exists, its sidecar is of an older version, or applies retention itself.
    """
    why = "it has no retention record"
    if not any(key in config.settings.given for key in policy_records.KEYS):
        return Ruling(owner, Verdict.HELD, why, config)
    if times and now - max(times) < policy_records.STALE:
        return Ruling(owner, Verdict.HELD, f"{why}, but it still backs up", config)
    why = "by the KEEP_… of the job's own Secret"
    if commands.forget(config) is None:
        return Ruling(owner, Verdict.KEPT, f"all of it, {why}", config)
    ours = _under_floor(owner.as_config(config), keep_policy.of(config.settings))
    return Ruling(owner, Verdict.APPLIED, why, ours)
