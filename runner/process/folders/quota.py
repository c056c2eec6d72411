"""The bound in bytes on what a run keeps on the sidecar's own disk: cache and scratch together.

The kernel limits single files. If their sum exceeds the limit, files of restic's cache are removed,
which restic loads again. If that is not enough, the command is stopped.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from runner.process.folders import ownership
from runner.steps.step import LARGEST

_BLOCK = 512  # bytes, as the kernel counts what files take
_OFTEN = 0.5  # seconds between checks, at the least
_SHARE = 50  # of the time at most one part goes into looking
_KEPT = ("tmp-", "CACHEDIR.TAG", "version")  # how names begin of what restic needs to find again


class Quota:
    """Maintains the folders of one state volume, ``bound`` bytes for both."""

    def __init__(self, state_dir: str, bound: int = LARGEST) -> None:
        self._cache = ownership.cache(state_dir)
        self._scratch = ownership.scratch(state_dir)
        self._bound = bound
        self._next = 0.0

    def exceeded(self, now: float) -> bool:
        """Whether more is taken than may be, although the cache gave way; ``now`` is steady."""
        if now < self._next:
            return False
        began = time.monotonic()
        scratch, cache = taken(self._scratch), taken(self._cache)
        most = min(self._bound // 2, max(0, self._bound - scratch))
        if cache > most:
            cache -= self._shrink(cache - most // 2)
        self._next = now + max(_OFTEN, _SHARE * (time.monotonic() - began))
        return scratch + cache > self._bound

    def _shrink(self, surplus: int) -> int:
        """Remove the oldest of the cache's files; return how many bytes that frees."""
        freed = 0
        for _, size, path in sorted(_cached(self._cache)):
            if freed >= surplus:
                break
            with suppress(OSError):
                Path(path).unlink()
                freed += size
        return freed


def taken(folder: Path) -> int:
    """Return the bytes that everything in a folder takes on its disk."""
    return sum(found.st_blocks * _BLOCK for _, found in _files(folder))


def _cached(folder: Path) -> Iterator[tuple[float, int, str]]:
    for path, found in _files(folder):
        if not path.rpartition("/")[2].startswith(_KEPT):
            yield found.st_mtime, found.st_blocks * _BLOCK, path


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # removed meanwhile
                yield f"{path}/{name}", os.lstat(f"{path}/{name}")
