"""Finds SQLite databases by their header, and those that nobody writes to at present.

Everything here is the app's, and may become a link, pipe or device at any moment: folders are
opened by descriptors, and only regular files are read, 16 bytes of each. What a folder had is
remembered, so that one which has not changed is not read again.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from runner.databases.sqlite.remembered import Folder, Remembered, Version
from runner.restic.left_out import Options
from runner.restic.patterns import Patterns
from runner.steps.sources import NEVER_BACKED_UP
from runner.volume import held_files, links
from runner.volume.globs import File
from runner.volume.held_files import IrregularError

MAGIC = b"SQLite format 3\0"
LIKELY = (".db", ".db3", ".sqlite", ".sqlite3", ".sqlitedb", ".sdb", ".s3db")
"""How databases are usually named: looked at in each run, others only where a folder changed."""
_BESIDE = ("-wal", "-journal", "-shm")
_PAGE = 512  # bytes; the size of a database is a multiple
_LONGEST = 2048  # bytes of a path below the volume's root: a copy of it lies in a longer one
_OPENED = 20_000  # files whose name says nothing, in one run
_SECONDS = 30.0
_RECENT = 2.0  # seconds in which another change may leave the same time stamp


@dataclass(slots=True)
class Detector:
    """Looks through volumes; ``options`` are what backups leave out, ``now`` in epoch seconds."""

    remembered: Remembered
    options: Options
    now: float
    whole: bool = True
    """Whether everything was looked at."""
    _seen: set[str] = field(default_factory=set)
    _opened: int = 0
    _ends: float = field(default_factory=lambda: time.monotonic() + _SECONDS)
    _patterns: tuple[Patterns, Patterns] = field(init=False)

    def __post_init__(self) -> None:
        self._patterns = self.options.matchers()

    def find(self, source: str, anchor: str) -> Iterator[File]:
        """Yield the databases below ``source``.

        ``anchor`` is the folder that links in its path must not leave; "" for any.
        """
        try:
            real = links.beneath(anchor, source).path
        except (links.LinkError, OSError):
            return
        root = anchor or "/"
        above = tuple(filter(None, real.removeprefix(root).split("/")))
        device = -1
        left: list[tuple[str, ...]] = [()]
        while left:
            inner = left.pop()
            if time.monotonic() > self._ends:
                self.whole = False
                return
            shown = "/".join((source.rstrip("/"), *inner))
            try:
                here = held_files.folder(root, (*above, *inner))
            except OSError:
                continue  # it is gone, or became a link; restic names what it cannot read
            try:
                found = os.fstat(here)
                device = found.st_dev if device < 0 else device
                if self.options.one_file_system and found.st_dev != device:
                    continue
                folder = self._folder(shown, here, found)
                for name in folder.databases:
                    yield File(f"{shown}/{name}", root, (*above, *inner))
                left += ((*inner, name) for name in folder.folders if self._goes_into(shown, name))
            except OSError:
                continue
            finally:
                os.close(here)

    def forget_others(self) -> None:
        """Forget folders that are not there any more."""
        if self.whole:
            self.remembered.keep(self._seen)

    def _goes_into(self, shown: str, name: str) -> bool:
        path = f"{shown}/{name}"
        return len(os.fsencode(path)) < _LONGEST and not self._is_left_out(path)

    def _is_left_out(self, path: str) -> bool:
        return any(each.match(path) for each in self._patterns)

    def _folder(self, shown: str, here: int, found: os.stat_result) -> Folder:
        """Return what is in a folder; of one that has not changed, only databases are opened."""
        self._seen.add(shown)
        stamp = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
        known = self.remembered.folders.get(shown)
        if known is None or known.stamp != stamp:
            known = self._read(shown, here, stamp)
            if self.now - found.st_ctime > _RECENT:
                self.remembered.remember(shown, known)
        if self._has_tag(here):
            return Folder(stamp, (), (), ())
        is_one = {*known.databases, *known.likely}
        return Folder(
            stamp, known.folders,
            tuple(sorted(name for name in is_one if self._is_database(shown, here, name))), (),
        )  # fmt: skip

    def _read(self, shown: str, here: int, stamp: tuple[int, ...]) -> Folder:
        folders, files = [], {}
        listing = held_files.listing(here)
        try:
            with os.scandir(listing) as entries:
                for entry in entries:
                    if entry.name in NEVER_BACKED_UP or entry.is_symlink():
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        files[entry.name] = entry
            likely = {name for name in files if name.lower().endswith(LIKELY)}
            likely |= {
                name.removesuffix(end)
                for name in files
                for end in _BESIDE
                if name.endswith(end) and name.removesuffix(end) in files
            }
            others = [
                name
                for name, entry in files.items()
                if name not in likely and self._may_be(entry) and self._sniffed(shown, here, name)
            ]
        finally:
            os.close(listing)
        return Folder(stamp, tuple(folders), tuple(others), tuple(sorted(likely)))

    def _may_be(self, entry: os.DirEntry[str]) -> bool:
        try:
            size = entry.stat(follow_symlinks=False).st_size
        except OSError:
            return False
        return size >= _PAGE and size % _PAGE == 0

    def _sniffed(self, shown: str, here: int, name: str) -> bool:
        self._opened += 1
        if self._opened > _OPENED or time.monotonic() > self._ends:
            self.whole = False
            return False
        return self._is_database(shown, here, name)

    def _is_database(self, shown: str, here: int, name: str) -> bool:
        """Whether a file that is backed up begins as SQLite's do."""
        if self._is_left_out(f"{shown}/{name}"):
            return False
        try:
            held = held_files.hold(name, here)
        except (IrregularError, OSError):
            return False
        if held is None:
            return False
        largest = self.options.largest
        try:
            if largest is not None and held.found.st_size > largest:
                return False
            return held.found.st_size >= len(MAGIC) and _begins(held, MAGIC)
        except OSError:
            return False
        finally:
            held.close()

    def _has_tag(self, here: int) -> bool:
        """Whether a file keeps the folder out of backups."""
        for name, beginning in self.options.present:
            try:
                held = held_files.hold(name, here)
            except (IrregularError, OSError):
                return True  # a link counts for restic, too
            if held is None:
                continue
            try:
                if _begins(held, beginning.encode()):
                    return True
            finally:
                held.close()
        return False


def _begins(held: held_files.Held, start: bytes) -> bool:
    descriptor = held.open()
    try:
        return os.read(descriptor, len(start)) == start
    finally:
        os.close(descriptor)


def version(file: File) -> Version | None:
    """Return what changes with a database; None while something is written, or it is gone."""
    try:
        here = held_files.folder(file.root, file.parts)
    except OSError:
        return None
    try:
        for end in _BESIDE[:2]:
            if _size(f"{file.name}{end}", here):
                return None
        found = os.stat(file.name, dir_fd=here, follow_symlinks=False)
    except OSError:
        return None
    finally:
        os.close(here)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _size(name: str, here: int) -> int:
    try:
        return os.stat(name, dir_fd=here, follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0
