"""Snapshots as restic lists them, and the tags that identify workload and content. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from contract.tags import (
    CLUSTER,
    COPIES,
    DOUBTFUL,
    DUMP,
    KEEP,
    KIND,
    NAMESPACE,
    OWNER,
    WORKLOAD,
    dump_tag,
    is_ours,
    is_owned,
    owner_of,
    owner_tags,
)

__all__ = [
    "CLUSTER",
    "COPIES",
    "DOUBTFUL",
    "DUMP",
    "KEEP",
    "KIND",
    "NAMESPACE",
    "OWNER",
    "UNDATED",
    "WORKLOAD",
    "Size",
    "Snapshot",
    "dump_tag",
    "is_ours",
    "is_owned",
    "owner_of",
    "owner_tags",
    "read",
    "shown",
]

UNDATED = datetime.min.replace(tzinfo=UTC)
"""Stands for the time of a snapshot that does not say when it was made."""


class Size(NamedTuple):
    """How much a snapshot holds: its number of files, and their bytes."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot. ``files`` and ``bytes`` are the size of its content, None if unknown."""

    id: str = ""
    time: datetime = UNDATED
    host: str = ""
    tags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Absolute paths that were backed up."""
    excludes: tuple[str, ...] = ()
    """Exclude patterns of its backup."""
    files: int | None = None
    bytes: int | None = None
    began: str = ""
    """When its backup began, as restic writes a time: to the nanosecond."""
    copies: str = ""
    """Folder with copies of databases; "" if there are none."""
    made_as: tuple[str, ...] = ()
    """Host and owner's tags that an earlier version gave it; none if they are as here."""

    @property
    def is_dated(self) -> bool:
        """Whether it says when it was made."""
        return self.time != UNDATED

    @property
    def is_doubtful(self) -> bool:
        """Whether it is marked as one that lacks something."""
        return DOUBTFUL in self.tags

    @property
    def is_dump(self) -> bool:
        """Whether it holds a dump and not the volumes."""
        return bool(dump_tag(self.tags))

    @property
    def is_whole(self) -> bool:
        """Whether it is of the volumes, and they were as they should be."""
        return not self.is_dump and not self.is_doubtful

    @property
    def size(self) -> Size | None:
        """The size of its content; None if restic, such as an older one, does not report it."""
        if self.files is None or self.bytes is None:
            return None
        return Size(self.files, self.bytes)

    def has_dump(self, name: str) -> bool:
        """Whether it is a dump of this name."""
        return DUMP + name in self.tags

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
        doubt = ", which is doubtful: its volumes had lost files" if self.is_doubtful else ""
        made_as = f" (made as {self.made_as[0]})" if self.made_as else ""
        return f"snapshot {self.id[:8]} of {shown(self.time)}{made_as}{doubt}"


def read(listed: Mapping[str, Any]) -> Snapshot:
    """Return the snapshot in restic's JSON; invalid fields count as missing."""
    summary = listed.get("summary")
    summary = summary if isinstance(summary, Mapping) else {}
    return Snapshot(
        id=_text(listed.get("id")),
        time=_moment(listed.get("time")),
        host=_text(listed.get("hostname")),
        tags=_texts(listed.get("tags")),
        paths=_texts(listed.get("paths")),
        excludes=_texts(listed.get("excludes")),
        files=_count(summary.get("total_files_processed")),
        bytes=_count(summary.get("total_bytes_processed")),
        began=_text(summary.get("backup_start") or listed.get("time")),
    )


def shown(moment: datetime) -> str:
    """Return a moment as people read it, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _moment(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(_text(value))
    except ValueError:
        return UNDATED
    return found if found.tzinfo else UNDATED  # restic always writes a zone
