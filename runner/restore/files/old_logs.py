"""Logs of databases that a restore replaces by plain files: what they hold is newer than these.

A database that nobody wrote to is in a snapshot as it was, without a log. SQLite would replay one
of today into it.
"""

import os
import stat
from dataclasses import dataclass, field

from runner.restore.files import nodes
from runner.restore.files.beside import ENDS
from runner.restore.files.nodes import Json
from runner.restore.files.place import Place

_PAGE = 512  # bytes; the size of a database is a multiple
_BEGINNINGS = {
    "": (b"SQLite format 3\0",),
    "-wal": (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"),
    "-journal": (b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7",),
}


@dataclass(slots=True)
class OldLogs:
    """Hears the files of a snapshot, in the order of their names."""

    place: Place
    _found: dict[str, set[str]] = field(default_factory=dict)  # by path, names that are there now

    def hear(self, message: Json) -> None:
        """Take in one node."""
        node = nodes.read(message)
        if node is None or not node.is_file or not node.path.startswith(f"{self.place.inside}/"):
            return
        for end in ENDS:
            if node.path.endswith(end):  # the snapshot has it too, and brings it back
                self._found.get(node.path.removesuffix(end), set()).discard(end)
        if node.size < _PAGE or node.size % _PAGE:
            return
        if there := {end for end in ENDS if self._is_file(f"{node.path}{end}")}:
            self._found[node.path] = there

    @property
    def databases(self) -> tuple[str, ...]:
        """The databases whose logs have to go."""
        return tuple(path for path, ends in self._found.items() if ends and self._is_one(path))

    def _is_file(self, path: str) -> bool:
        try:
            found = self.place.lstat(path)
        except OSError:
            return False
        return found is not None and stat.S_ISREG(found.st_mode)

    def _is_one(self, path: str) -> bool:
        """Whether a file, or a log beside it, begins as SQLite's do: the file may be damaged."""
        return any(
            self._is_file(f"{path}{end}") and self._begins(f"{path}{end}", starts)
            for end, starts in _BEGINNINGS.items()
        )

    def _begins(self, path: str, starts: tuple[bytes, ...]) -> bool:
        try:
            with self.place.above(path) as (folder, name):
                descriptor = folder.file(name, os.O_RDONLY)
                try:
                    return os.read(descriptor, 16).startswith(starts)
                finally:
                    os.close(descriptor)
        except OSError:
            return False
