"""Restricts a process to the files that it needs, where the kernel can (Landlock, Linux 5.13).

Names on a volume are an app's and change at any moment; with this, none leads SQLite or restic out
of what was looked at before. It knows no rule for owners, modes and times of what is already
there: docs/security.md says what that leaves.
"""

import os
import struct
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on all architectures
_VERSION, _BENEATH = 1, 1  # LANDLOCK_CREATE_RULESET_VERSION, LANDLOCK_RULE_PATH_BENEATH
_NO_NEW_PRIVILEGES = 38
EXECUTE, WRITE_FILE, READ_FILE, TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 14
MAKE_DEVICES = 1 << 6 | 1 << 11
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
_KNOWN = {0: 0, 1: 13, 2: 14, 3: 15, 4: 15}  # version: how many kinds of access it can forbid
_LATEST = 16

Rule = tuple[int, int]
"""A descriptor of a file or folder, and the allowed access."""


@cache
def version() -> int:
    """Return which version of Landlock the kernel has; 0 for none, or where it is forbidden."""
    try:
        return max(int(_c().syscall(_CREATE, None, 0, _VERSION)), 0)
    except (ImportError, OSError, AttributeError):  # not every Python has ctypes
        return 0


def every() -> int:
    """Return all kinds of access that this kernel can forbid."""
    return (1 << _KNOWN.get(version(), _LATEST)) - 1


def only(readable: Iterable[int], writable: Iterable[int]) -> bool:
    """Let this process and its children read these files and work in these folders, no others.

    All are descriptors. What is open already stays so. Return whether the kernel does it.
    """
    within = every() & ~EXECUTE & ~MAKE_DEVICES
    rules = [*((each, READ_FILE) for each in readable), *((each, within) for each in writable)]
    return restrict(every(), rules)


def restrict(handled: int, rules: Iterable[Rule]) -> bool:
    """Forbid this thread these kinds of access but where a rule allows them.

    Its children inherit that. Return whether the kernel does it; if not, all is as before.
    """
    handled &= every()
    if not handled:
        return False
    attributes = struct.pack("=Q", handled)
    ruleset = int(_c().syscall(_CREATE, attributes, len(attributes), 0))
    if ruleset < 0:
        return False
    try:
        if any(_add(ruleset, each, allowed & handled) for each, allowed in rules):
            return False
        return not _no_new_privileges() and not _c().syscall(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _add(ruleset: int, descriptor: int, allowed: int) -> int:
    if not os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112 -- a file has no right of a folder
        allowed &= _OF_FILES
    rule = struct.pack("=Qi", allowed, descriptor)
    return int(_c().syscall(_ADD, ruleset, _BENEATH, rule, 0))


def _no_new_privileges() -> int:
    import ctypes  # noqa: PLC0415 -- it costs memory

    return int(_c().prctl(_NO_NEW_PRIVILEGES, *map(ctypes.c_ulong, (1, 0, 0, 0))))


def _c() -> "ctypes.CDLL":
    from runner.sandbox import libc  # noqa: PLC0415 -- it costs memory

    return libc.libc()
