"""Whether restic's cache is usable. Without it, restic is only slower."""

import os
import shutil
from pathlib import Path

from runner.process.folders import ownership

_ROOM = 16 << 20  # bytes that must be free: restic goes on trying for 15 minutes in a full cache
_found: dict[str, str] = {}  # by folder, why it cannot be used; "" where it can


def usable(folder: str) -> bool:
    """Make the folder a cache of this user's; return whether restic can use it."""
    if not _found.get(folder):
        _found[folder] = ownership.claim(Path(folder)) or _full(folder)
    return not _found[folder]


def discard(folder: str, why: str) -> None:
    """Remove a cache that restic could not use, and use none in this process any more."""
    _found[folder] = why
    shutil.rmtree(folder, ignore_errors=True)


def why_not(folder: str) -> str:
    """Return why a cache is not used; "" where it is."""
    return _found.get(folder, "")


def problem() -> str | None:
    """Return the cache as in `status`; None if this process has not needed one yet."""
    if not _found:
        return None
    why = next((each for each in _found.values() if each), "")
    return f"restic's cache cannot be used: {why}; backups work, but are slower" if why else ""


def bounded(folder: Path, bound: int) -> int:
    """Remove a cache that takes more than ``bound`` bytes; return how many, else 0."""
    taken = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                taken += os.lstat(f"{path}/{name}").st_size
            except OSError:  # removed meanwhile
                continue
    if taken <= bound:
        return 0
    shutil.rmtree(folder, ignore_errors=True)
    return taken


def _full(folder: str) -> str:
    """Return the result for a full disk; an open cache that restic cannot write to stops it."""
    try:
        room = os.statvfs(folder)
        probe = Path(folder, ".probe")
        probe.unlink(missing_ok=True)
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()
    except OSError as error:
        return f"{folder}: {error.strerror}"
    free = room.f_bavail * room.f_frsize
    return f"{folder}: only {free >> 10} KiB free" if free < _ROOM else ""
