"""Folders and regular files beneath a folder, reached by descriptors alone.

Names on a volume are the app's, and may become links, pipes or devices at any moment. What is held
here is found without following a link and without being opened, so that nothing waits for a pipe
and nothing happens to a device.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass

_HELD = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
Version = tuple[int, int, int, int]

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class IrregularError(Exception):
    """Something is not a regular file in its folder; the message names its type."""


@dataclass(frozen=True, slots=True)
class Held:
    """A regular file, held open even if its name is replaced."""

    descriptor: int
    found: os.stat_result

    @property
    def path(self) -> str:
        """A path that leads to this very file."""
        return f"/proc/self/fd/{self.descriptor}"

    def open(self) -> int:
        """Return a descriptor to read it by."""
        return os.open(self.path, _READ)

    def close(self) -> None:
        """Release it; this drops no lock of others, unlike closing a file that was opened."""
        os.close(self.descriptor)


def version(found: os.stat_result) -> Version:
    """Return the identity of a file (device, inode), and values that change with it."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def folder(root: str, parts: Iterable[str]) -> int:
    """Return a descriptor of a folder beneath ``root``, which alone may be reached by links.

    Raises OSError if one of the parts is a link, or anything else than a folder.
    """
    here = os.open(root, _FOLDER)
    for part in parts:
        try:
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
        finally:
            os.close(here)
        here = inner
    return here


def listing(here: int) -> int:
    """Return a descriptor of the same folder that its entries can be read by."""
    return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)


def hold(name: str, here: int) -> Held | None:
    """Return a regular file in a folder; None if there is nothing of that name.

    Raises IrregularError for anything else, and for a file that is mounted there from elsewhere.
    """
    try:
        descriptor = os.open(name, _HELD, dir_fd=here)
    except FileNotFoundError:
        return None
    found = os.fstat(descriptor)
    why = "is not a regular file" if not stat.S_ISREG(found.st_mode) else ""
    if not why and _mount(descriptor) != _mount(here):
        why = "is a mount, not a regular file of its folder"
    if why:
        os.close(descriptor)
        raise IrregularError(why)
    return Held(descriptor, found)


def _mount(descriptor: int) -> str:
    """Return the id of the mount that a descriptor is on; "" if the kernel reports none."""
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as lines:  # noqa: PTH123 -- of the kernel
        return next((line for line in lines if line.startswith("mnt_id:")), "")
