"""Writes entries of an archive below a folder, each by a path of open folders.

The rules are those of `untar`.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from contract.text import counted
from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.output import formats
from kubectl_backup.restore.archive import placement
from kubectl_backup.restore.archive.placement import Troubles
from kubectl_backup.restore.archive.tar import ArchiveError, Entry, Kind

_FULL = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
}  # no other file could be written
_MODE = 0o755
_OWNER = 0o700  # of a folder until everything in it is there
_LONGEST = 4096  # bytes of a path, on Linux
_SHOWN = 200  # letters of a name, in a message
_DEEPEST = 200  # nested folders: each is open while a tree is removed
_MOST_OWNERS = (1 << 32) - 2
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW

_MADE = {Kind.FILE, Kind.SYMBOLIC_LINK, Kind.HARD_LINK, Kind.FOLDER}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that an archive may bring: ``entries``, and ``size`` in bytes of all files."""

    entries: int
    size: int


@dataclass
class Unpacked:
    """What was in an archive; ``left_out`` are entries that are never created, ``failed`` those
    that could not be written."""

    files: int = 0
    size: int = 0
    left_out: Troubles = field(default_factory=Troubles)
    failed: Troubles = field(default_factory=Troubles)

    def add(self, other: "Unpacked") -> None:
        """Add what was in another archive."""
        self.files += other.files
        self.size += other.size
        self.left_out.extend(other.left_out)
        self.failed.extend(other.failed)

    def complain(self) -> None:
        """Raise ClusterError if something is missing."""
        if self.failed.count:
            what = counted(self.failed.count, "file")
            raise ClusterError(f"the restore is INCOMPLETE: {what} not written: {self.failed}")
        if self.left_out.count:
            what = counted(self.left_out.count, "device or pipe", "devices and pipes")
            raise ClusterError(f"the restore is INCOMPLETE: {what} left out: {self.left_out}")


class Writer:
    """Writes entries below a folder."""

    def __init__(self, folder: Path, bounds: Bounds | None) -> None:
        self.unpacked = Unpacked()
        self._bounds = bounds
        self._entries = 0
        self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        self._at: tuple[tuple[str, ...], int] = ((), os.dup(self._root))
        self.unfinished: dict[tuple[str, ...], Entry] = {}

    def close(self) -> None:
        """Close the folders that are open."""
        os.close(self._at[1])
        os.close(self._root)

    def write(self, entry: Entry, content: Iterator[bytes]) -> None:
        """Write one entry, or note why not; raise if nothing more may be written."""
        self._count(entry)
        parts = _parts(entry, entry.name)
        if entry.kind not in _MADE:
            self.unpacked.left_out.add(repr(entry.name[:_SHOWN]))
            return
        if entry.kind is not Kind.FOLDER and not parts:
            raise _unsafe(entry, "has no name")
        try:
            if entry.kind is Kind.FOLDER:
                self._enter(entry, parts)
                if parts:  # the top folder keeps its own
                    self.unfinished[parts] = entry
                return
            parent = self._enter(entry, parts[:-1])
            if entry.kind is Kind.FILE:
                self._make_file(entry, parent, parts[-1], content)
            elif entry.kind is Kind.SYMBOLIC_LINK:
                self._make_symbolic_link(entry, parent, parts[-1])
            else:
                self._make_hard_link(entry, parent, parts[-1])
            self.unpacked.files += 1
        except OSError as error:
            if error.errno in _FULL:
                raise
            self.unpacked.failed.add(f"{entry.name[:_SHOWN]}: {error.strerror or error}")

    def finish(self) -> None:
        """Set the modes and times of folders, which writing into them would change."""
        for parts, entry in sorted(self.unfinished.items(), reverse=True):
            folder = self._enter(entry, parts)
            _own(folder, entry)
            _describe(folder, entry)

    def _count(self, entry: Entry) -> None:
        self._entries += 1
        self.unpacked.size += entry.size
        if self._bounds is None:
            return
        if self._entries > self._bounds.entries:
            few = counted(self._bounds.entries, "entry", "entries")
            raise ArchiveError(f"it has more entries than the snapshot, which has {few}")
        if self.unpacked.size > self._bounds.size:
            little = formats.size(self._bounds.size)
            raise ArchiveError(f"it has more data than the snapshot, which has {little}")

    def _enter(self, entry: Entry, parts: tuple[str, ...]) -> int:
        """Return the open folder at ``parts``; create it if it does not exist."""
        if self._at[0] == parts:
            return self._at[1]
        if len(parts) > _DEEPEST:
            raise OSError(errno.ENAMETOOLONG, "too many nested folders")
        folder = os.dup(self._root)
        try:
            for part in parts:
                folder, before = _below(entry, folder, part), folder
                os.close(before)
        except BaseException:
            os.close(folder)
            raise
        os.close(self._at[1])
        self._at = (parts, folder)
        return folder

    def _make_file(self, entry: Entry, parent: int, name: str, content: Iterator[bytes]) -> None:
        _remove(parent, name)
        with os.fdopen(os.open(name, NEW_FILE, 0o600, dir_fd=parent), "wb") as file:
            for piece in content:
                file.write(piece)
            file.flush()
            _own(file.fileno(), entry)
            _describe(file.fileno(), entry)

    def _make_symbolic_link(self, entry: Entry, parent: int, name: str) -> None:
        _remove(parent, name)
        os.symlink(_checked(entry, entry.target), name, dir_fd=parent)
        if os.geteuid() == 0:
            owner, group = _owners(entry)
            os.chown(name, owner, group, dir_fd=parent, follow_symlinks=False)

    def _make_hard_link(self, entry: Entry, parent: int, name: str) -> None:
        *folders, source = _parts(entry, entry.target) or ("",)
        folder = os.dup(self._root)
        try:
            try:
                for part in folders:
                    folder, before = placement.child(folder, part), folder
                    os.close(before)
                found = os.stat(source, dir_fd=folder, follow_symlinks=False)
            except OSError:
                found = None
            if found is None or not stat.S_ISREG(found.st_mode):
                raise _unsafe(
                    entry,
                    f"is a hard link to {entry.target[:_SHOWN]!r}, which is not a regular file",
                )
            if not _is_same(parent, name, found):
                _remove(parent, name)
                os.link(source, name, src_dir_fd=folder, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(folder)


def _below(entry: Entry, folder: int, part: str) -> int:
    """Open a folder in an open one, and create it if necessary; raise if it is a link."""
    try:
        return placement.child(folder, part)
    except FileNotFoundError:
        os.mkdir(part, _OWNER, dir_fd=folder)
        return placement.child(folder, part)
    except OSError:
        if stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode):
            raise _unsafe(entry, f"would be written through the link {part!r}") from None
        raise


def _is_same(parent: int, name: str, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(name, dir_fd=parent, follow_symlinks=False), found)
    except FileNotFoundError:
        return False


def _parts(entry: Entry, name: str) -> tuple[str, ...]:
    parts = tuple(part for part in _checked(entry, name).split("/") if part not in {"", "."})
    if ".." in parts:
        raise _unsafe(entry, "leads out of the folder")
    return parts


def _checked(entry: Entry, name: str) -> str:
    if "\0" in name or not 0 < len(os.fsencode(name)) < _LONGEST:
        raise _unsafe(entry, "has an invalid name or target")
    return name


def _unsafe(entry: Entry, why: str) -> ArchiveError:
    return ArchiveError(f"{entry.name[:_SHOWN]!r} {why}")


def _remove(parent: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return


def _own(descriptor: int, entry: Entry) -> None:
    """Set the owner by number, as restic does: a name may be another user on this machine."""
    if os.geteuid() == 0:
        os.fchown(descriptor, *_owners(entry))


def _owners(entry: Entry) -> tuple[int, int]:
    if max(entry.owner, entry.group) > _MOST_OWNERS:
        raise _unsafe(entry, "has an invalid owner")
    return entry.owner, entry.group


def _describe(descriptor: int, entry: Entry) -> None:
    os.fchmod(descriptor, entry.mode & _MODE)
    os.utime(descriptor, (entry.modified, entry.modified))
