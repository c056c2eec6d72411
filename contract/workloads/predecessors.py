"""Snapshots that a workload made under an earlier name: which they are, and when that is certain.

Before owners with a version in their names were followed up to what a person named, each revision
or run had a host and tags of its own (`db-3` for the third rollout of `db`). Whoever makes such a
name up must not get another's snapshots, nor have them deleted: only what follows from tags, names
and times alone counts, and in doubt nothing does. Pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate

from contract.snapshots import Snapshot, owner_of
from contract.tags import CLUSTER, NAMESPACE, OWNER
from contract.workloads.owners import PART, RUNS

SETTLED = timedelta(days=31)
"""For so long a predecessor makes no backup beside its successor before retention counts it."""
_TEMPLATED = frozenset(
    {"Deployment", "Rollout", "ReplicaSet", "Job", "CronJob", "StatefulSet", "DaemonSet", "Pod"}
)  # the hosts of these never were the names of pods, or still are
_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]{5}"  # the letters of generated names


@dataclass(frozen=True, slots=True)
class _Rule:
    """Each version of a workload of kind ``kind`` was a workload of kind ``former``.

    ``form`` is its name, with ``{name}`` for the workload's and its number as a group; ``host``
    follows it in the host, with ``{part}`` for the template.
    """

    kind: str
    former: str
    form: str
    host: str = ""


_RULES = (
    _Rule("DeploymentConfig", "ReplicationController", r"{name}-(\d+)"),
    _Rule("Service", "Deployment", r"{name}-(\d{{5}})-deployment"),
    _Rule("Configuration", "Deployment", r"{name}-(\d{{5}})-deployment"),
    _Rule("CronWorkflow", "Workflow", r"{name}-(\d{{10}})", r"(?:-{part})?-\d+"),
    _Rule("ScheduledSparkApplication", "SparkApplication", r"{name}-(\d{{10,}})", "-{part}"),
)


@dataclass(frozen=True, slots=True)
class _Identity:
    """Whose a snapshot is, by its host and tags; "" is no cluster."""

    host: str
    namespace: str
    kind: str
    workload: str
    cluster: str


@dataclass(frozen=True, slots=True)
class History:
    """The snapshots of a workload. ``doubted`` are hosts that may be its own, or another's."""

    snapshots: list[Snapshot]
    doubted: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say what is doubted, and what to do about it; "" for nothing."""
        if not self.doubted:
            return ""
        return (
            f"snapshots of {', '.join(self.doubted)} may be of an earlier version of this "
            "workload, or of another one; if they are its own, name one in backup.restore-from"
        )


def are_possible(host: str, tags: Iterable[str]) -> bool:
    """Whether a workload can have had an earlier name at all, so that a look pays."""
    own = _identity(host, tags)
    if own is None or own.host != own.workload:
        return False
    return own.kind in RUNS or own.kind not in _TEMPLATED


def scope(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tags that a workload shares with all its predecessors."""
    return tuple(tag for tag in tags if tag.startswith((NAMESPACE, CLUSTER)))


def history(
    host: str, tags: Sequence[str], listed: Iterable[Snapshot], *, settled: bool = False
) -> History:
    """Return a workload's snapshots, those of its predecessors with its host and tags.

    ``listed`` are at least all with the tags of `scope`. ``settled``: only predecessors that no
    longer make backups, as for retention. Each of them says in ``made_as`` who made it.
    """
    listed = list(listed)
    own = [each for each in listed if each.host == host and set(tags) <= set(each.tags)]
    identity = _identity(host, tags)
    if identity is None or not are_possible(host, tags):
        return History(own)
    mine = {id(each) for each in own}
    certain: list[list[Snapshot]] = []
    numbered: dict[int, list[Snapshot]] = {}
    for former, found in _by_identity(each for each in listed if id(each) not in mine).items():
        if _is_same(identity, former):
            certain.append(found)
        elif (number := _number(identity, former)) is not None:
            numbered.setdefault(number, []).extend(found)
    first = min((each.time for each in own if each.is_dated), default=None)
    proven = _succession(numbered, first)
    doubted = [each for each in numbered.values() if each not in proven]
    hosts = tuple(sorted({each.host for version in doubted for each in version}))
    groups = [*certain, *proven]
    if settled:
        last = max((each.time for each in own if each.is_dated), default=None)
        groups = [each for each in groups if last and last - _last(each) >= SETTLED]
    taken = [_as_own(each, host, tags) for group in groups for each in group]
    return History([*own, *taken], hosts)


def _by_identity(listed: Iterable[Snapshot]) -> dict[_Identity, list[Snapshot]]:
    found: dict[_Identity, list[Snapshot]] = {}
    for each in listed:
        if identity := _identity(each.host, each.tags):
            found.setdefault(identity, []).append(each)
    return found


def _identity(host: str, tags: Iterable[str]) -> _Identity | None:
    """Return whose snapshots have this host and these tags; None if no sidecar made them."""
    said = owner_of(tags)
    values = [[tag.removeprefix(key) for tag in said if tag.startswith(key)] for key in OWNER]
    namespace, kind, workload, cluster = values
    if not len(namespace) == len(kind) == len(workload) == 1 >= len(cluster):
        return None
    return _Identity(host, namespace[0], kind[0], workload[0], cluster[0] if cluster else "")


def _is_same(own: _Identity, former: _Identity) -> bool:
    """Whether tags alone prove it: the same workload by another host, or a run of the same name."""
    if replace(former, host=own.host) == own and own.kind not in RUNS:
        return bool(re.fullmatch(f"{re.escape(own.workload)}-{_RANDOM}", former.host))
    # Only `backup.name` gives a run another host than its own names.
    given = own.kind in RUNS and not former.host.startswith(former.workload)
    return given and replace(former, workload=own.workload) == own


def _number(own: _Identity, former: _Identity) -> int | None:
    """Return the number of a version of a workload, by names; None if it cannot be one."""
    if (former.namespace, former.cluster) != (own.namespace, own.cluster):
        return None
    for rule in _RULES:
        if (rule.kind, rule.former) != (own.kind, former.kind):
            continue
        name, _, part = own.workload.rpartition(PART) if rule.host else (own.workload, "", "")
        name, part = (name, part) if name else (part, "")
        version = re.fullmatch(rule.form.format(name=re.escape(name)), former.workload)
        host = re.escape(former.workload) + rule.host.format(part=re.escape(part))
        if version and re.fullmatch(host, former.host):
            return int(version[1])
    return None


def _succession(
    numbered: Mapping[int, list[Snapshot]], first: datetime | None
) -> list[list[Snapshot]]:
    """Return the versions that followed each other by number and time, and ended before ``first``.

    Another workload with such a name goes on beside the versions, and beside their successor.
    """
    versions = [each for _, each in sorted(numbered.items())]
    if not all(each.is_dated for version in versions for each in version):
        return []
    ends = list(accumulate(map(_last, versions), max))
    starts = list(accumulate(map(_first, reversed(versions)), min))[::-1]
    return [
        version
        for at, version in enumerate(versions)
        if (not at or ends[at - 1] < _first(version))
        and (at + 1 == len(versions) or _last(version) < starts[at + 1])
        and (first is None or _last(version) < first)
    ]


def _first(found: Iterable[Snapshot]) -> datetime:
    return min(each.time for each in found)


def _last(found: Iterable[Snapshot]) -> datetime:
    return max(each.time for each in found)


def _as_own(each: Snapshot, host: str, tags: Sequence[str]) -> Snapshot:
    made_as = (each.host, *owner_of(each.tags))
    rest = (tag for tag in each.tags if not tag.startswith(OWNER))
    return replace(each, host=host, tags=(*tags, *rest), made_as=made_as)
