"""File trees, captured and compared exactly: what "backed up, restored, compared" rests on."""

import errno
import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Literal

Kind = Literal["file", "directory", "symlink", "fifo", "socket", "char", "block"]

_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
}
_BLOCK = 64 * 1024
_ZEROS = bytes(_BLOCK)
_ROOT = b"."


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a tree, with all that a restore must bring back; access times are not part."""

    kind: Kind
    mode: int
    """Permission bits with setuid, setgid and sticky."""
    uid: int
    gid: int
    size: int
    """Bytes, holes included."""
    mtime_ns: int
    """Nanoseconds since the epoch; of a symlink itself, not of its target."""
    digest: str = ""
    """Hex digest of a regular file's bytes, the same for a hole and for zeros; otherwise empty."""
    target: bytes = b""
    rdev: int = 0
    """Device number of a character or block device; otherwise 0."""
    links: tuple[bytes, ...] = ()
    """Sorted names in this tree, the entry's own among them, of one inode; () for one name."""
    xattrs: tuple[tuple[str, bytes], ...] = ()
    """Sorted (name, value); () where the file system has none."""


@dataclass(frozen=True, slots=True)
class Totals:
    """How much a tree holds: names by kind (the root is a directory), bytes of regular files."""

    files: int
    directories: int
    others: int
    size_bytes: int
    """Holes included; a file of several names counts once."""


def capture(root: Path | bytes, *, skip_unreadable: bool = False) -> dict[bytes, Entry]:
    """Return the tree's entries by path relative to ``root``; ``root`` itself is ``b"."``.

    Follows no symlink. Raises FileNotFoundError when a name goes while the tree is read, and
    PermissionError for what the process may not read; with ``skip_unreadable`` such an entry is
    left out, a directory with all below it.
    """
    top = os.fsencode(root)
    entries: dict[bytes, Entry] = {}
    inodes: defaultdict[tuple[int, int], list[bytes]] = defaultdict(list)
    pending = [_ROOT]
    while pending:
        name = pending.pop()
        # Not top + "/.": that would follow a root that is a symlink.
        path = top if name == _ROOT else top + b"/" + name
        try:
            status = os.lstat(path)
            is_directory = stat.S_ISDIR(status.st_mode)
            children = os.listdir(path) if is_directory else []  # noqa: PTH208 -- bytes, any name
            entries[name] = _entry(path, status)
        except PermissionError:
            if not skip_unreadable:
                raise
            continue
        pending += children if name == _ROOT else [name + b"/" + child for child in children]
        if not is_directory and status.st_nlink > 1:
            inodes[status.st_dev, status.st_ino].append(name)
    for names in inodes.values():
        links = tuple(sorted(names)) if len(names) > 1 else ()
        entries.update({name: replace(entries[name], links=links) for name in names})
    return entries


def differences(
    before: Mapping[bytes, Entry],
    after: Mapping[bytes, Entry],
    *,
    ignore: frozenset[str] = frozenset(),
    without_sockets: bool = False,
) -> list[str]:
    """Return one line per difference, sorted by path; none when the trees are the same.

    ``ignore`` holds names of Entry's fields. A directory's size is the file system's own affair
    and never compared. ``without_sockets`` expects no socket of ``before`` in ``after``: restic
    restores none.
    """
    if without_sockets:
        # Names of one inode are of one kind, so no other entry's ``links`` names a socket.
        before = {name: entry for name, entry in before.items() if entry.kind != "socket"}
    lines: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        # repr() escapes the surrogates that stand for invalid UTF-8, and newlines.
        path = repr(name.decode("utf-8", "surrogateescape"))
        old, new = before.get(name), after.get(name)
        if old and new:
            lines += [f"{path}: {change}" for change in _changes(old, new, ignore)]
        elif old:
            lines.append(f"{path}: missing {old.kind}")
        elif new:
            lines.append(f"{path}: unexpected {new.kind}")
    return lines


def totals(entries: Mapping[bytes, Entry]) -> Totals:
    """Return how many names of each kind, and how many bytes, ``entries`` hold."""
    files = {name: entry for name, entry in entries.items() if entry.kind == "file"}
    directories = sum(entry.kind == "directory" for entry in entries.values())
    return Totals(
        files=len(files),
        directories=directories,
        others=len(entries) - len(files) - directories,
        size_bytes=sum(
            entry.size for name, entry in files.items() if entry.links[:1] in {(), (name,)}
        ),
    )


def _changes(old: Entry, new: Entry, ignore: frozenset[str]) -> Iterator[str]:
    for field in (field.name for field in fields(Entry)):
        was, now = getattr(old, field), getattr(new, field)
        is_own_affair = field == "size" and old.kind == new.kind == "directory"
        if was != now and field not in ignore and not is_own_affair:
            show = oct if field == "mode" else repr
            yield f"{field}: {show(was)} -> {show(now)}"


def _entry(path: bytes, status: os.stat_result) -> Entry:
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    return Entry(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        digest=_digest(path) if kind == "file" else "",
        target=os.readlink(path) if kind == "symlink" else b"",  # noqa: PTH115 -- bytes, any target
        rdev=status.st_rdev if kind in {"char", "block"} else 0,
        xattrs=_xattrs(path),
    )


def _digest(path: bytes) -> str:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest = blake2b(size.to_bytes(8), digest_size=32)
        for offset, block in _blocks(file, size):
            digest.update(offset.to_bytes(8) + block)
    return digest.hexdigest()


def _blocks(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of each aligned block below ``size`` that is not all zeros."""
    offset = 0
    while offset < size:
        try:
            found = file.seek(offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return
            raise
        # Where data starts is the file system's choice; blocks must not depend on it.
        offset = file.seek(found - found % _BLOCK)
        block = file.read(min(_BLOCK, size - offset))
        if block != _ZEROS[: len(block)]:
            yield offset, block
        offset += _BLOCK


def _xattrs(path: bytes) -> tuple[tuple[str, bytes], ...]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return ()
        raise
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names))
