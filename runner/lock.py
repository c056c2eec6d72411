"""A lock between processes: `flock` on a file, which ends with the process that holds it."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

Wait = Callable[[float], bool]
"""Called with the time since when another process holds the lock, in seconds since the epoch;
returns True to try again, False to give up."""


def never(_since: float) -> bool:
    """Give up at once."""
    return False


@contextmanager
def held(path: Path, wait: Wait = never) -> Iterator[bool]:
    """Hold the lock ``path`` during the context; gives False where another process keeps it.

    The file's modification time is when the lock was taken last.
    """
    while True:
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                since = os.fstat(file.fileno()).st_mtime
            else:
                if not _is_at(path, file):
                    continue
                with suppress(OSError):
                    os.utime(file.fileno())
                yield True
                return
        if not wait(since):
            yield False
            return


def _is_at(path: Path, file: IO[str]) -> bool:
    """Whether an open file still has this path: the lock of a removed file keeps nobody out."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
