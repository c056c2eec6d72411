"""Surveys, before a restore, what exists in the places to restore to; read-only."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from runner.restore.files import nodes
from runner.restore.files.nodes import Json, Node
from runner.restore.files.place import Place
from runner.restore.tally import Before
from runner.volume.paths import is_below


@dataclass(slots=True)
class Survey:
    """What was found. Paths are as in the snapshot.

    ``extra``: by folder, names that the snapshot does not have. ``inodes``: of what it has, by
    volume. ``folders``: ones in whose place the snapshot has something else. ``bare``: folders of
    which the snapshot has one file or none. ``pipes``: where a file comes. ``files``: ones that are
    asked for by themselves.
    """

    place: Place
    deletes: bool = False
    before: Before = field(default_factory=Before)
    extra: dict[str, list[str]] = field(default_factory=dict)
    inodes: dict[str, set[int]] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    bare: dict[str, str] = field(default_factory=dict)
    pipes: list[str] = field(default_factory=list)
    asked: frozenset[str] = frozenset()
    files: set[str] = field(default_factory=set)
    _open: list[tuple[str, set[str]]] = field(default_factory=list)
    _absent: str = ""

    def above(self, paths: Iterable[str]) -> None:
        """Add the folders above these paths, which were not requested."""
        for path in paths:
            for each in PurePosixPath(path).parents:
                self.before.kinds[hash(str(each))] = "others"

    def hear(self, message: Json) -> None:
        """Take in one node, as they come: a folder, then all that is in it."""
        node = nodes.read(message)
        if node is not None and node.path.startswith(f"{self.place.inside}/"):
            self.note(node)

    def note(self, node: Node) -> None:
        """Look at what is in the place of one node."""
        path = node.path
        folder, _, name = path.rpartition("/")
        self._leave(path)
        if self._open and self._open[-1][0] == folder:
            self._open[-1][1].add(nodes.plain(name))
        if path in self.asked and not node.is_folder:
            self.files.add(path)
        if self.deletes:
            self.inodes.setdefault(self.volume(path), set()).add(node.inode)
        self._absent = self._absent if path.startswith(f"{self._absent}/") else ""
        found = None if self._absent or self._is_behind_a_link(path) else self.place.lstat(path)
        self._count(node, found)
        if not node.is_folder:
            return
        if found is None or not stat.S_ISDIR(found.st_mode):
            self._absent = self._absent or path
            if found is not None and stat.S_ISLNK(found.st_mode):
                self.before.behind.append(path)
        elif self.deletes:
            self._open.append((path, set()))

    def end(self) -> None:
        """Take note of what is in the last folders, too."""
        self._leave("")

    def followed(self, paths: Iterable[str]) -> str:
        """Return a link above one of these paths that restic would follow, or "" if there is none.

        It makes a folder of what it restores, and of that which a single file lies in.
        """
        for path in paths:
            for each in list(PurePosixPath(path).parents)[1 if self._is_file(path) else 0 :]:
                if self.volume(str(each)) and not any(is_below(str(each), one) for one in paths):
                    found = self.place.lstat(str(each))
                    if found is not None and stat.S_ISLNK(found.st_mode):
                        return str(each)
        return ""

    def _is_file(self, path: str) -> bool:
        return path in self.files and not self.deletes

    def volume(self, path: str) -> str:
        """Return the volume that a path lies in: inodes of two are no matter of each other."""
        return path[len(self.place.inside) + 1 :].partition("/")[0]

    def _count(self, node: Node, found: os.stat_result | None) -> None:
        key, same = hash(node.path), found is not None and node.is_type_of(found.st_mode)
        if found is not None and not same and stat.S_ISDIR(found.st_mode):
            self.folders.append(node.path)
        if not node.is_file:
            self.before.kinds[key] = "others" if same or found is None else "changed"
        elif found is None:
            return
        elif not same:
            if stat.S_ISFIFO(found.st_mode):
                self.pipes.append(node.path)
            self.before.there.add(key)
            self.before.kinds[key] = "changed"
        elif found.st_nlink > 1 and found.st_size == node.size:
            self.before.kinds[key] = "unchanged"  # said of its first name
        elif not self.place.is_readable(node.path):
            self.before.there.add(key)

    def _is_behind_a_link(self, path: str) -> bool:
        """Whether a folder above the requested path is now a link, which a folder replaces."""
        if self._open:
            return False
        inside = PurePosixPath(path[len(self.place.inside) + 1 :])
        above = [f"{self.place.inside}/{each}" for each in inside.parents if each.name]
        return any(
            (found := self.place.lstat(each)) is None or not stat.S_ISDIR(found.st_mode)
            for each in above
        )

    def _leave(self, path: str) -> None:
        while self._open and not path.startswith(f"{self._open[-1][0]}/"):
            folder, names = self._open.pop()
            with suppress(OSError):  # unreadable folders are reported when their files are restored
                here = self.place.names(folder)
                if extra := sorted(name for name in here if nodes.plain(name) not in names):
                    self.extra[folder] = extra
                    if len(names) <= 1:
                        self.bare[folder] = next(iter(names), "")
