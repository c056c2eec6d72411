"""Selects the snapshots for a restore, in order of preference. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from contract import names
from contract.annotations import values
from contract.snapshots import COPIES, NAMESPACE, Snapshot, owner_of, shown
from runner.config.model import Config

_ID = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Snapshots of this host with all these tags; ``at`` or before, or the one ``snapshot``.

    ``required``: to have none is an error too.
    """

    host: str
    tags: tuple[str, ...]
    at: datetime | None = None
    snapshot: str = ""
    required: bool = False

    def __str__(self) -> str:
        """Say it in words."""
        if self.snapshot:
            return f"snapshot {self.snapshot} of {self.host} ({', '.join(self.tags)})"
        until = f" of {shown(self.at)} or before" if self.at else ""
        return f"snapshot{until} of {self.host} ({', '.join(self.tags)})"


@dataclass(frozen=True, slots=True)
class When:
    """``at`` a time or before, or the ``snapshot`` with this id prefix, or neither."""

    at: datetime | None = None
    snapshot: str = ""


def of_pod(config: Config, environment: Mapping[str, str]) -> Wanted | None:
    """Return the request in the init container's variables, None without; raise ValueError."""
    mode = values.restore(environment.get(names.ENV_RESTORE) or "if-empty")
    if mode == "never":
        return None
    host, tags = config.identity.host, config.identity.tags
    if origin := environment.get(names.ENV_RESTORE_FROM):
        namespace, _, host = values.origin(origin).partition("/")
        tags = (f"{NAMESPACE}{namespace}",)
    as_of = (
        values.moment(environment[names.ENV_RESTORE_AS_OF])
        if environment.get(names.ENV_RESTORE_AS_OF)
        else ""
    )
    when = read(as_of)
    return Wanted(host, tags, when.at, when.snapshot, mode == "required")


def read(text: str) -> When:
    """Read a time, a day (all of it counts) or a snapshot's id; raise ValueError."""
    if _ID.fullmatch(text) or not text:
        return When(snapshot=text)
    try:
        day = date.fromisoformat(text)
        return When(datetime.combine(day + timedelta(days=1), time.min, UTC))
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        why = "write a time such as 2026-11-25T03:00:00Z, a day such as 2026-11-25, or an id"
        raise ValueError(f"{text!r}: {why}") from None
    return When(found if found.tzinfo else found.replace(tzinfo=UTC))


def snapshots(config: Config, listed: Iterable[Snapshot]) -> list[Snapshot]:
    """Return all of these that are of the volumes, with the place of copies of databases."""
    folder = f"{config.paths.state}/{COPIES}"
    return [
        replace(each, copies=folder if folder in each.paths else "")
        for each in listed
        if not each.is_dump
    ]


def owner(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tags that identify a snapshot's owner, besides host and namespace."""
    return tuple(tag for tag in owner_of(tags) if not tag.startswith(NAMESPACE))


def in_order(wanted: Wanted, known: list[Snapshot]) -> list[Snapshot]:
    """Return what may be restored: good ones before doubtful ones, the newest first.

    Raises LookupError if there are snapshots and not the one that is asked for, or of more
    than one workload.
    """
    if wanted.snapshot:
        named = [each for each in known if each.id.startswith(wanted.snapshot)]
        if len(named) != 1:
            line = f"there is no {wanted}" if not named else f"two begin so: {wanted}"
            last = max(known, key=lambda each: each.time, default=None)
            raise LookupError(f"{line}; the newest is {last}" if last else line)
        return named
    # restic's filter by tags takes what another cluster made too, where ours has no name.
    own = owner(wanted.tags)
    known = [each for each in known if own and owner(each.tags) == own] or known
    owners = {owner(each.tags) for each in known}
    if len(owners) > 1:
        listed = "; ".join(sorted(", ".join(each) for each in owners))
        raise LookupError(f"more than one workload has snapshots of {wanted.host}: {listed}")
    old = [each for each in known if wanted.at is None or each.time <= wanted.at]
    if known and not old:
        oldest = min(known, key=lambda each: each.time)
        raise LookupError(f"there is no {wanted}; the oldest is {oldest}")
    newest = sorted(old, key=lambda each: each.time, reverse=True)
    return sorted(newest, key=lambda each: each.is_doubtful)
