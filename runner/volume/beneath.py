"""Open folders of a volume; nothing in them is reached through a link.

An app can change its volume at any moment: a name that was a folder when it was checked may be a
link to another volume when it is used. So paths are text only up to the mount point. Below it,
every step starts from a descriptor, and a link on the path is an error.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Self

from runner.sandbox import libc

_OPENAT2 = 437  # on every architecture
_NO_XDEV, _NO_LINKS, _BENEATH = 0x01, 0x02 | 0x04, 0x08  # RESOLVE_…; magic links are links, too
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASSED = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_LONGEST = 3000  # bytes of a path that the kernel gets immediately: its own bound is 4096


class _How(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64),
    )  # fmt: skip


class Folder:
    """An open folder. ``path`` is for messages; it leads wherever it leads by now."""

    __slots__ = ("descriptor", "path")

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor = descriptor
        self.path = path

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> "Folder":
        """Open a folder that no app can exchange: a mount point, or what an operator names."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        return cls(os.open(path, flags), os.fspath(path))

    def __enter__(self) -> Self:
        """Close it at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __del__(self) -> None:
        """Close it if its user lives as long as the process."""
        with suppress(AttributeError):  # it was never opened
            self.close()

    def close(self) -> None:
        """Close it; again is no fault."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    @property
    def link(self) -> str:
        """A path by which this process, and a child that inherits the descriptor, reach it."""
        return f"/proc/self/fd/{self.descriptor}"

    def folder(self, inside: str, *, crosses: bool = True) -> "Folder":
        """Open a folder below; raise OSError if a link, or nothing, is on the way.

        ``crosses``: also one that is mounted there, or below what is mounted there.
        """
        return self._opened(inside, _FOLDER, crosses=crosses)

    def passage(self, inside: str, *, crosses: bool = True) -> "Folder":
        """Open a folder below for the names in it alone: it may be closed to reading."""
        return self._opened(inside, _PASSED, crosses=crosses)

    @contextmanager
    def above(self, inside: str) -> Iterator[tuple["Folder", str]]:
        """Give the open folder that a path below lies in, for its name alone, and its last name."""
        *parts, name = _parts(inside, self.path)
        with self.passage("/".join(parts)) as found:
            yield found, name

    def stat(self, inside: str) -> os.stat_result:
        """Return what is at a path below; of a link, the link itself. Raises OSError."""
        if not _parts(inside, self.path):
            return os.fstat(self.descriptor)
        with self.above(inside) as (folder, name):
            try:
                return os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
            except OSError as error:
                raise _named(error, f"{self.path}/{inside}") from None

    def find(self, inside: str) -> os.stat_result | None:
        """Return what is at a path below; None if nothing is, as far as no link leads."""
        try:
            return self.stat(inside)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                return None
            raise

    def file(self, inside: str, flags: int = os.O_RDONLY, *, alone: bool = False) -> int:
        """Open a regular file below; raise OSError for anything else, which is not waited for.

        ``alone``: one that has no other name, which may be outside.
        """
        with self.above(inside) as (folder, name):
            path = f"{self.path}/{inside}"
            with suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
                _must_be_regular(found, path, alone)  # to open a device may do something
            try:
                number = os.open(name, flags | _FILE, 0o600, dir_fd=folder.descriptor)
            except OSError as error:
                raise _named(error, path) from None
            try:
                _must_be_regular(os.fstat(number), path, alone)
            except OSError:
                os.close(number)
                raise
            return number

    def read(self, inside: str, most: int, *, alone: bool = False) -> bytes:
        """Return the first bytes of a regular file below; raise OSError."""
        with os.fdopen(self.file(inside, alone=alone), "rb") as file:
            return file.read(most)

    def names(self) -> list[str]:
        """Return what is in it, in order."""
        # Copies of a descriptor share their place in the list, and threads would take it in turns.
        number = os.open(".", _FOLDER, dir_fd=self.descriptor)
        try:
            return sorted(os.listdir(number))  # noqa: PTH208 -- of a descriptor
        finally:
            os.close(number)

    def _opened(self, inside: str, flags: int, *, crosses: bool = True) -> "Folder":
        path = f"{self.path}/{inside}" if inside else self.path
        parts = _parts(inside, path)
        try:
            return Folder(_walked(self.descriptor, parts, flags, crosses), path)
        except OSError as error:
            raise _named(error, path) from None


def is_mount(found: Folder, name: str) -> bool:
    """Whether something is mounted at a name in a folder; False if the kernel cannot say."""
    try:
        _one(found.descriptor, name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, crosses=False)
    except OSError as error:
        return error.errno == errno.EXDEV
    return False


def _parts(inside: str, path: str) -> list[str]:
    parts = [part for part in inside.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise OSError(errno.EXDEV, "leads out of its folder", path)
    return parts


def _walked(start: int, parts: list[str], flags: int, crosses: bool) -> int:
    """Open a folder part by part, or several parts at once if the kernel can."""
    if not parts:
        return os.open(".", flags, dir_fd=start)
    pieces = _pieces(parts) if _has_openat2() else [(part,) for part in parts]
    descriptor, owned = start, False
    for number, piece in enumerate(pieces, 1):
        wanted = flags if number == len(pieces) else _PASSED
        try:
            inner = _one(descriptor, "/".join(piece), wanted, crosses=crosses)
        finally:
            if owned:
                os.close(descriptor)
        descriptor, owned = inner, True
    return descriptor


def _pieces(parts: list[str]) -> list[tuple[str, ...]]:
    pieces: list[tuple[str, ...]] = []
    piece: list[str] = []
    taken = 0
    for part in parts:
        length = len(os.fsencode(part)) + 1
        if piece and taken + length > _LONGEST:
            pieces.append(tuple(piece))
            piece, taken = [], 0
        piece.append(part)
        taken += length
    return [*pieces, tuple(piece)]


def _one(descriptor: int, path: str, flags: int, *, crosses: bool) -> int:
    if _has_openat2():
        resolve = _BENEATH | _NO_LINKS | (0 if crosses else _NO_XDEV)
        return _openat2(descriptor, os.fsencode(path), flags, resolve)
    number = os.open(path, flags, dir_fd=descriptor)
    if not crosses and os.fstat(number).st_dev != os.fstat(descriptor).st_dev:
        os.close(number)
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    return number


def _openat2(descriptor: int, path: bytes, flags: int, resolve: int) -> int:
    how = _How(flags, 0, resolve)
    number: int = libc.libc().syscall(
        _OPENAT2, ctypes.c_int(descriptor), ctypes.c_char_p(path), ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )  # fmt: skip
    if number < 0:
        raise libc.error(os.fsdecode(path))
    return number


@cache
def _has_openat2() -> bool:
    """Whether the kernel (5.6 and later) has openat2, and the seccomp profile allows it."""
    try:
        os.close(_openat2(-100, b".", os.O_PATH | os.O_CLOEXEC, 0))  # AT_FDCWD
    except OSError:
        return False
    return True


def _must_be_regular(found: os.stat_result, path: str, alone: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file", path)
    if alone and found.st_nlink > 1:
        raise OSError(errno.EMLINK, "has another name", path)


def _named(error: OSError, path: str) -> OSError:
    """Return the error with the whole path, and with a message that explains a refused link."""
    text = error.strerror
    if error.errno == errno.ELOOP:
        text = "a link is on the path, and links are not followed"
    if error.errno == errno.EXDEV:
        text = "another mount is on the path"
    return OSError(error.errno, text or "", path)
