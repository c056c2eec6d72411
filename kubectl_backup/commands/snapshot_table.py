"""Snapshots and their content as people read them, from restic's JSON. Pure."""

import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from contract.snapshots import OWNER
from contract.text import counted, printable
from kubectl_backup.output import formats
from kubectl_backup.output.table import Cell, Column, Line, Table
from kubectl_backup.workload import snapshots as workload_snapshots
from kubectl_backup.workload.snapshots import Snapshot

_HEADER = (
    Column("SNAPSHOT"), Column("TIME"), Column("AGE", 1), Column("FILES", 3, right=True),
    Column("SIZE", 2, right=True), Column("ADDED", 4, right=True), Column("WHAT"),
)  # fmt: skip


def table(snapshots: Sequence[Snapshot], now: float) -> Table:
    """Return a line for each snapshot, the newest last."""
    lines = [_line(each, now) for each in sorted(snapshots, key=workload_snapshots.taken)]
    return Table(_HEADER, lines)


def _line(each: Snapshot, now: float) -> Line:
    summary = each.get("summary") or {}
    files = summary.get("total_files_processed")
    then = workload_snapshots.taken(each)
    what = ", ".join(
        [*map(workload_snapshots.without_root, each.get("paths") or ()), *_marks(each)]
    )
    return Line((
        Cell(str(each.get("short_id", ""))), Cell(formats.rfc3339(then) or ""),
        Cell(formats.age(then, now)), Cell("-" if files is None else str(files)),
        Cell(formats.size(summary.get("total_bytes_processed"))),
        Cell(formats.size(summary.get("data_added"))), Cell(formats.plain(what)),
    ))  # fmt: skip


def _marks(each: Snapshot) -> list[str]:
    return [f"[{tag}]" for tag in each.get("tags") or () if not str(tag).startswith(OWNER)]


def entries(found: Sequence[Mapping[str, Any]], folder: str) -> list[str]:
    """Return the lines that ``ls -l`` would show for a folder, or for a single file."""
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
    """Return one line of restic's JSON diff as text: a change, or the summary."""
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
