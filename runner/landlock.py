"""Restricts a process to the files that it needs, where the kernel can (Landlock, Linux 5.13).

What SQLite opens it opens by name. Names are an app's and change at any moment; with this, no name
leads it to another file than the ones that were looked at before.
"""

import os
import struct
from collections.abc import Iterable

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on all architectures
_VERSION = 1  # flag: ask for the version alone
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38
_READ_FILE = 1 << 2
_NOT_FOR_FILES = 1 << 0 | 1 << 6 | 1 << 11  # execute, and make devices
_KNOWN = {1: 13, 2: 14, 3: 15, 4: 15}  # version: how many kinds of access it can forbid
_LATEST = 16


def restrict(readable: Iterable[int], writable: Iterable[int]) -> bool:
    """Let this process and its children read these files and work in these folders, no others.

    All are descriptors. What is open already stays so. Return whether the kernel does it.
    """
    try:
        import ctypes  # noqa: PLC0415 -- it costs memory, and not every Python has it

        call = ctypes.CDLL(None, use_errno=True).syscall
        control = ctypes.CDLL(None, use_errno=True).prctl
    except (ImportError, OSError, AttributeError):
        return False
    version = call(_CREATE, None, 0, _VERSION)
    if version < 1:
        return False
    every = (1 << _KNOWN.get(version, _LATEST)) - 1
    handled = struct.pack("=Q", every)
    ruleset = call(_CREATE, handled, len(handled), 0)
    if ruleset < 0:
        return False
    try:
        rules = [(each, _READ_FILE) for each in readable]
        rules += [(each, every & ~_NOT_FOR_FILES) for each in writable]
        done = [
            call(_ADD, ruleset, _PATH_BENEATH, struct.pack("=Qi", access, each), 0)
            for each, access in rules
        ]
        if any(done) or control(_NO_NEW_PRIVILEGES, *map(ctypes.c_ulong, (1, 0, 0, 0))):
            return False
        return bool(call(_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)
