"""Since when a file has been in its file system, by statx."""

import ctypes
import os
from functools import cache

from runner.sandbox import libc

_NO_FOLLOW = 0x100  # AT_SYMLINK_NOFOLLOW
_BTIME = 0x800  # STATX_BTIME
_SIZE = 256  # of struct statx
_MASK, _SECONDS, _NANOS = 0, 80, 88  # where stx_mask and stx_btime are in it


@cache
def _statx() -> "ctypes._NamedFuncPointer | None":
    return getattr(libc.libc(), "statx", None)


def born(descriptor: int, name: str) -> int:
    """Return in microseconds since the epoch when a file was made; 0 if that is unknown."""
    call, found = _statx(), ctypes.create_string_buffer(_SIZE)
    if call is None or call(descriptor, os.fsencode(name), _NO_FOLLOW, _BTIME, found):
        return 0
    if not ctypes.c_uint32.from_buffer(found, _MASK).value & _BTIME:
        return 0
    seconds = ctypes.c_int64.from_buffer(found, _SECONDS).value
    return seconds * 1_000_000 + ctypes.c_uint32.from_buffer(found, _NANOS).value // 1000


def existed(descriptor: int, name: str, found: os.stat_result, moment: int) -> bool:
    """Whether a file in an open folder existed at a time (microseconds), under any name.

    Where the file system does not say, one that looks old counts as old.
    """
    when = born(descriptor, name)
    if when:
        return when < moment
    return min(found.st_ctime_ns, found.st_mtime_ns) // 1000 < moment
