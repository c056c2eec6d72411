"""Counts what a restore does, or would do, from restic's messages. Pure."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from contract.text import counted
from contract.units import size

_NAMED = 20  # files of each kind that are named
_ACTIONS = {"restored": "created", "updated": "changed"}
_KINDS = ("created", "changed", "deleted", "unchanged", "others")

Json = dict[str, Any]


@dataclass(slots=True)
class Before:
    """What restic does not report about a restore: files that it replaced.

    By the hashes of paths, as there may be millions. ``there``: files that are replaced, though
    restic says created, as they are links or the like, or closed to us. ``kinds``: what becomes of
    what has no size: empty files, further names of files, and what takes the place of another type.
    ``behind``: links that give way to folders; a dry run looks at what they lead to.
    """

    there: set[int] = field(default_factory=set)
    kinds: dict[int, str] = field(default_factory=dict)
    behind: list[str] = field(default_factory=list)

    def kind(self, path: str, kind: str, taken: int) -> str:
        """Return the real action on a path for which restic reports ``kind``."""
        if any(path.startswith(f"{link}/") for link in self.behind):
            return "created" if taken else self.kinds.get(hash(path), "created")
        if kind == "created" and not taken:
            return self.kinds.get(hash(path), kind)
        return "changed" if kind == "created" and hash(path) in self.there else kind


@dataclass(slots=True)
class Tally:
    """Files by the action on them. Folders, links and the like are ``others``."""

    before: Before = field(default_factory=Before)
    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    bytes: int = 0
    deleted_bytes: int = 0
    summary: Json = field(default_factory=dict)
    _paths: "array[int]" = field(default_factory=lambda: array("q"))
    _kinds: bytearray = field(default_factory=bytearray)
    _sizes: "array[int]" = field(default_factory=lambda: array("q"))

    def hear(self, message: Json, inside: str = "") -> None:
        """Take one message about a path in the folder ``inside`` of the snapshot."""
        if message.get("message_type") == "summary":
            self.summary = message
        if message.get("message_type") != "verbose_status":
            return
        taken = int(message.get("size", 0))
        action = str(message.get("action"))
        path = f"{inside}{message.get('item', '')}"
        kind = self.before.kind(path, _ACTIONS.get(action, action), taken)
        taken = taken if kind in {"created", "changed"} else 0
        self._paths.append(hash(path))
        self._kinds.append(_KINDS.index(kind) if kind in _KINDS else len(_KINDS))
        self._sizes.append(taken)
        self.count(kind, path, taken)

    def count(self, kind: str, name: str, taken: int = 0) -> None:
        """Count a file."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if kind == "deleted":
            self.deleted_bytes += taken
        else:
            self.bytes += taken
        named = self.names.setdefault(kind, [])
        if len(named) < _NAMED:
            named.append(name)

    def retract(self, paths: Iterable[str]) -> None:
        """Subtract failed files: restic reports them as updated, too."""
        failed = set(paths)
        hashed = {hash(path) for path in failed}
        for number, path in enumerate(self._paths if hashed else ()):
            if path in hashed and self._kinds[number] < len(_KINDS):
                self.counts[_KINDS[self._kinds[number]]] -= 1
                self.bytes -= self._sizes[number]
        for kind, names in self.names.items():
            self.names[kind] = [name for name in names if name not in failed]

    def line(self, *, dry_run: bool) -> str:
        """Return how much was done, or would be."""
        would = "would be " if dry_run else ""
        told = [
            f"{counted(self.counts.get(kind, 0), 'file')} {would}{kind}"
            for kind in ("created", "changed", "deleted")
        ]
        same = counted(self.counts.get("unchanged", 0), "is as it was", "are as they were")
        amounts = f"{size(self.bytes)} restored"
        if self.deleted_bytes:
            amounts += f", {size(self.deleted_bytes)} deleted"
        return f"{', '.join(told)} ({amounts}), {same}"
