"""Which snapshots a restore may take, and in which order it tries them. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from contract import names, values
from runner import history, maintainer, steps
from runner.config import Config

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
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
        until = f" of {_shown(self.at)} or before" if self.at else ""
        return f"snapshot{until} of {self.host} ({', '.join(self.tags)})"


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot of the volumes. ``copies``: where in it the copies of databases lie, if any."""

    id: str
    made: datetime
    paths: tuple[str, ...]
    copies: str = ""
    doubtful: bool = False
    owner: tuple[str, ...] = ()

    def may_hold(self, path: str) -> bool:
        """Whether this path, or a part of it, was backed up."""
        ours = path.rstrip("/") + "/"
        theirs = [each.rstrip("/") + "/" for each in self.paths]
        return any(each.startswith(ours) or ours.startswith(each) for each in theirs)

    def is_alone(self, path: str) -> bool:
        """Whether nothing else was backed up in the folder that a path lies in."""
        above = path.rpartition("/")[0] + "/"
        if above == "/" or path not in self.paths:
            return False
        others = [each.rstrip("/") + "/" for each in self.paths if each != path]
        return not any(each.startswith(above) or above.startswith(each) for each in others)

    def __str__(self) -> str:
        """Say it in words."""
        doubt = ", which is doubtful: its volumes had lost files" if self.doubtful else ""
        return f"snapshot {self.id[:8]} of {_shown(self.made)}{doubt}"


def of_pod(config: Config, environment: Mapping[str, str]) -> Wanted | None:
    """Return what the init container's variables ask for, None if nothing; raise ValueError."""
    mode = values.restore(environment.get(names.ENV_RESTORE) or "if-empty")
    if mode == "never":
        return None
    host, tags = config.host, config.tags
    if origin := environment.get(names.ENV_RESTORE_FROM):
        namespace, _, host = values.origin(origin).partition("/")
        tags = (f"ns={namespace}",)
    as_of = (
        values.moment(environment[names.ENV_RESTORE_AS_OF])
        if environment.get(names.ENV_RESTORE_AS_OF)
        else ""
    )
    moment, snapshot = read(as_of)
    return Wanted(host, tags, moment, snapshot, mode == "required")


def read(text: str) -> tuple[datetime | None, str]:
    """Read a time, a day (all of it counts) or a snapshot's id; raise ValueError."""
    if _ID.fullmatch(text) or not text:
        return None, text
    try:
        day = date.fromisoformat(text)
        return datetime.combine(day + timedelta(days=1), time.min, UTC), ""
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        why = "write a time such as 2026-11-25T03:00:00Z, a day such as 2026-11-25, or an id"
        raise ValueError(f"{text!r}: {why}") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)), ""


def snapshots(config: Config, listed: list[dict[str, Any]]) -> list[Kept]:
    """Return all snapshots of volumes that restic listed."""
    folder = f"{config.state_dir}/tmp/sqlite"  # noqa: S108 -- where runner.attempt copies databases to
    found = []
    for each in listed:
        if history.is_dump(each):
            continue
        paths = tuple(str(path) for path in each.get("paths") or ())
        copies = folder if folder in paths else ""
        tags = tuple(str(tag) for tag in each.get("tags") or ())
        made = maintainer.moment(each) or _LONG_AGO
        doubtful = steps.DOUBTFUL_TAG in tags
        found.append(Kept(str(each.get("id", "")), made, paths, copies, doubtful, owner(tags)))
    return found


def owner(tags: Iterable[object]) -> tuple[str, ...]:
    """Return which of a snapshot's tags say whose it is, beside its host and namespace."""
    ours = ("kind=", "workload=", "cluster=")
    return tuple(sorted(tag for tag in map(str, tags) if tag.startswith(ours)))


def in_order(wanted: Wanted, known: list[Kept]) -> list[Kept]:
    """Return what may be restored: good ones before doubtful ones, the newest first.

    Raises LookupError where there are snapshots and not the one that is asked for, or of more
    than one workload.
    """
    if wanted.snapshot:
        named = [each for each in known if each.id.startswith(wanted.snapshot)]
        if len(named) != 1:
            line = f"there is no {wanted}" if not named else f"two begin so: {wanted}"
            last = max(known, key=lambda each: each.made, default=None)
            raise LookupError(f"{line}; the newest is {last}" if last else line)
        return named
    # restic's filter by tags takes what another cluster made too, where ours has no name.
    own = owner(wanted.tags)
    known = [each for each in known if own and each.owner == own] or known
    owners = {each.owner for each in known}
    if len(owners) > 1:
        listed = "; ".join(sorted(", ".join(owner) for owner in owners))
        raise LookupError(f"more than one workload has snapshots of {wanted.host}: {listed}")
    old = [each for each in known if wanted.at is None or each.made <= wanted.at]
    if known and not old:
        oldest = min(known, key=lambda each: each.made)
        raise LookupError(f"there is no {wanted}; the oldest is {oldest}")
    newest = sorted(old, key=lambda each: each.made, reverse=True)
    return sorted(newest, key=lambda each: each.doubtful)


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
