"""Snapshots and what is in them, from restic's JSON. Pure."""

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from contract import names
from contract.wording import counted, printable
from kubectl_backup import formats
from kubectl_backup.table import Cell, Column, Line

Snapshot = Mapping[str, Any]

DOUBTFUL = "doubtful"
_AGO = re.compile(r"([0-9]{1,5})([smhdw])")
_LENGTHS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DUMP = "dump="
_OWN = ("ns=", "kind=", "workload=", "cluster=")
HEADER = (
    Column("SNAPSHOT"), Column("TIME"), Column("AGE", 1), Column("FILES", 3, right=True),
    Column("SIZE", 2, right=True), Column("ADDED", 4, right=True), Column("WHAT"),
)  # fmt: skip


class NoSnapshotError(Exception):
    """What was asked for is none of this workload's snapshots; the text says what to do."""


def table(snapshots: Sequence[Snapshot], now: float) -> list[Line]:
    """Return a line for each snapshot, the newest last."""
    return [_line(each, now) for each in sorted(snapshots, key=_time)]


def _line(each: Snapshot, now: float) -> Line:
    summary = each.get("summary") or {}
    files = summary.get("total_files_processed")
    then = _time(each)
    what = ", ".join([*map(_below, each.get("paths") or ()), *_marks(each)])
    return Line((
        Cell(str(each.get("short_id", ""))), Cell(formats.rfc3339(then) or ""),
        Cell(formats.age(then, now)), Cell("-" if files is None else str(files)),
        Cell(formats.size(summary.get("total_bytes_processed"))),
        Cell(formats.size(summary.get("data_added"))), Cell(formats.plain(what)),
    ))  # fmt: skip


def _marks(each: Snapshot) -> list[str]:
    return [f"[{tag}]" for tag in each.get("tags") or () if not str(tag).startswith(_OWN)]


def _below(path: str) -> str:
    return str(path).removeprefix(f"{names.VOLUMES_DIR}/")


def _time(each: Snapshot) -> float:
    return formats.moment(each.get("time")) or 0.0


def chosen(snapshots: Sequence[Snapshot], word: str) -> str:
    """Return the id of the snapshot that a word means: ``latest``, or the beginning of an id.

    ``latest`` is of volumes, not of dumps, and of ones that had lost no files where there is one.
    """
    if word == "latest":
        volumes = [each for each in snapshots if not _is_dump(each)]
        good = [each for each in volumes if not is_doubtful(each)]
        if not volumes:
            raise NoSnapshotError("there is no snapshot yet; `kubectl backup now` makes one")
        return str(max(good or volumes, key=_time)["id"])
    found = [str(each["id"]) for each in snapshots if word and str(each["id"]).startswith(word)]
    if len(found) != 1:
        what = "more than one" if found else "none"
        raise NoSnapshotError(
            f"{word!r} is {what} of this workload's snapshots; see `kubectl backup snapshots`"
        )
    return found[0]


def to_restore(
    snapshots: Sequence[Snapshot], volume: str, word: str, until: float | None
) -> dict[str, Any]:
    """Return the snapshot to restore a volume from: by its id, else the newest ``until`` then."""
    if word and word != "latest":
        identifier = chosen(snapshots, word)
        return next(dict(each) for each in snapshots if each["id"] == identifier)
    root = f"{names.VOLUMES_DIR}/{volume}"
    of_it = [
        each for each in snapshots
        if any(f"{path}/".startswith(f"{root}/") for path in each.get("paths") or ())
    ]  # fmt: skip
    found = [each for each in of_it if until is None or _time(each) <= until]
    good = [each for each in found if not is_doubtful(each)]
    if not found and of_it:
        oldest = formats.rfc3339(min(map(_time, of_it)))
        raise NoSnapshotError(f"no snapshot of {volume} is that old; the oldest is of {oldest}")
    if not found:
        known = sorted({_below(path) for each in snapshots for path in each.get("paths") or ()
                        if str(path).startswith(f"{names.VOLUMES_DIR}/")})  # fmt: skip
        raise NoSnapshotError(
            f"there is no snapshot of {volume}"
            + (
                f"; there are of {', '.join(known)}"
                if known
                else "; see `kubectl backup snapshots`"
            )
        )
    newest = max(good or found, key=_time)
    return dict(newest)


def when(text: str, now: float) -> float | None:
    """Return the moment that a text means: a time of RFC 3339, a date, or how long ago (``2h``).

    Of a date all counts, as where the sidecar reads one. None where there is no text.
    """
    if not text:
        return None
    if match := _AGO.fullmatch(text):
        return now - int(match[1]) * _LENGTHS[match[2]]
    found = formats.moment(text)
    if found is not None and "T" not in text.upper() and ":" not in text:
        found += _LENGTHS["d"]
    if found is None:
        raise NoSnapshotError(
            f"{text!r} is no time: write 2026-11-25T03:00:00Z, 2026-11-25, or 2h, 3d for ago"
        )
    return found


def is_doubtful(each: Snapshot) -> bool:
    """Whether a volume had lost its files when this was made."""
    return DOUBTFUL in (each.get("tags") or ())


def _is_dump(each: Snapshot) -> bool:
    return any(str(tag).startswith(_DUMP) for tag in each.get("tags") or ())


def inside(path: str) -> str:
    """Return the path in a snapshot that ``VOLUME/path`` means; an absolute one is meant so."""
    if path.startswith("/"):
        return posixpath.normpath(path)
    return posixpath.normpath(posixpath.join(names.VOLUMES_DIR, path))


def entries(found: Sequence[Mapping[str, Any]], folder: str) -> list[str]:
    """Return what a folder holds, as ``ls -l`` shows it; a file alone where it is one."""
    nodes = [each for each in found if each.get("struct_type") == "node"]
    inner = [each for each in nodes if posixpath.dirname(str(each["path"])) == folder]
    shown = inner or [each for each in nodes if each["path"] == folder and each["type"] != "dir"]
    sizes = [formats.size(each.get("size")) if each["type"] == "file" else "-" for each in shown]
    widest = max(map(len, sizes), default=0)
    owners = [f"{each.get('uid', '-')}:{each.get('gid', '-')}" for each in shown]
    broadest = max(map(len, owners), default=0)
    return [
        f"{each.get('permissions', '?')}  {owner:<{broadest}}  {size:>{widest}}  "
        f"{str(each.get('mtime', ''))[:19]:<19}  {printable(str(each['name']))}"
        + ("/" if each["type"] == "dir" else "")
        for each, size, owner in zip(shown, sizes, owners, strict=True)
    ]


def difference(line: bytes) -> str:
    """Return a line about what restic says in JSON of two snapshots: a change, or all of them."""
    try:
        said = json.loads(line)
        if said["message_type"] == "change":
            return f"{said['modifier']:<5}{printable(said['path'])}"
        new, gone = said["added"], said["removed"]
        return (
            f"{counted(new['files'], 'file')} more, {gone['files']} fewer, "
            f"{said['changed_files']} changed; {formats.size(new['bytes'])} more in the "
            f"repository, {formats.size(gone['bytes'])} less"
        )
    except (ValueError, KeyError, TypeError):
        return printable(line.decode("utf-8", "replace"))
