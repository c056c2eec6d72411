"""Protects memory: no core dumps, and no access by processes of the same user."""

import resource
from contextlib import suppress
from pathlib import Path

_SET_DUMPABLE = 4  # PR_SET_DUMPABLE of linux/prctl.h
_FIRST_TO_GO = "1000"  # when memory runs out


def harden() -> None:
    """Let neither this process nor its children leave a core dump, and nobody else read this one.

    What is not possible here is left: a run without it is better than none.
    """
    with suppress(OSError):
        # Once nobody may read it, its own /proc belongs to root, and only root can write this.
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ImportError, OSError, AttributeError):
        from runner.sandbox import libc  # noqa: PLC0415 -- a Python without ctypes still makes backups

        libc.libc().prctl(_SET_DUMPABLE, 0, 0, 0, 0)
