"""The folder for what a run needs only while it lasts; never anything else."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from runner.process.folders import ownership

_RESERVE, _SHARE = 256 << 20, 20  # bytes of a disk that stay free, or this part of a small one


def fresh(folder: Path) -> None:
    """Make ``folder`` an empty one; a full disk is reported when space is needed there."""
    empty(folder)
    ownership.claim(folder)


def empty(folder: Path) -> None:
    """Remove a folder, also where what was restored into it has modes that forbid that."""
    open_up(folder)
    shutil.rmtree(folder, ignore_errors=True)


def room(folder: Path, most: int) -> int:
    """Return the bytes that may be written into a folder: ``most``, and none of the reserve."""
    disk = os.statvfs(folder)
    return max(0, min(most, disk.f_bavail * disk.f_frsize - reserve(folder)))


def reserve(folder: Path) -> int:
    """Return the bytes of a folder's disk that are left to others."""
    disk = os.statvfs(folder)
    return min(_RESERVE, disk.f_blocks * disk.f_frsize // _SHARE)


def open_up(folder: Path) -> None:
    """Let us read all below ``folder`` and remove it, with any modes of restored files."""
    if folder.is_symlink():  # os.walk would follow this one
        return
    for path, folders, files in os.walk(folder):
        for name in folders:  # os.walk goes down into them afterwards
            _chmod(f"{path}/{name}", 0o700)
        for name in files:
            _chmod(f"{path}/{name}", 0o600)


def _chmod(path: str, mode: int) -> None:
    if not os.path.islink(path):  # noqa: PTH114 -- a million Path objects are slow to make
        with suppress(OSError):
            os.chmod(path, mode)  # noqa: PTH101 -- as above
