"""A lock between processes: `flock` on a file, which ends with the process that holds it."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from runner.process.folders import ownership

Wait = Callable[[float], bool]
"""Called with the time since which another process has held the lock, in seconds since the epoch;
returns True to try again, False to give up.
"""


def never(_since: float) -> bool:
    """Give up immediately."""
    return False


@contextmanager
def held(path: Path, wait: Wait = never) -> Iterator[bool]:
    """Hold the lock ``path`` during the context; gives False where another process keeps it.

    The file's modification time is when the lock was taken last.
    """
    while True:
        with _opened(path) as file:
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


def _opened(path: Path) -> IO[bytes]:
    """Open the lock file, which is empty and usable by every user.

    One that is closed to this user was left by an earlier container: all of ours open it to
    all. It is replaced, and nobody holds it.
    """
    while True:
        try:
            # Not to create: in a folder open to all, the kernel may refuse that for others' files.
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
                path.chmod(0o666)
            continue
        except (PermissionError, IsADirectoryError):
            ownership.clear(path)
            continue
        return os.fdopen(descriptor, "r+b", buffering=0)


def _is_at(path: Path, file: IO[bytes]) -> bool:
    """Whether an open file still has this path: the lock of a removed file excludes nobody."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
