r"""Keeps a program that is about to start from starting others.

psql evaluates `command` in the argument of ``\unrestrict`` even in the mode that knows no other
meta-command, and takes data for commands where a COPY fails.
"""

import ctypes
import errno
import platform
import struct

from runner.sandbox import libc

_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2  # of prctl
_LOAD, _EQUALS, _RETURN = 0x20, 0x15, 0x06  # instructions of BPF
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_CLONE3 = 435  # the same everywhere
_GENERIC, _OLD = (220,), (120, 2, 190)  # clone; clone, fork and vfork
_CALLS = {
    "x86_64": (56, 57, 58), "aarch64": _GENERIC, "riscv64": _GENERIC, "armv7l": _OLD,
    "s390x": _OLD, "ppc64le": (120, 2, 189),
}  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def is_known() -> bool:
    """Whether it is known here by which calls programs are started."""
    return platform.machine() in _CALLS


def confine() -> None:
    """Let this process start no other from now on; raise OSError if that cannot be."""
    instructions = _filter((*_CALLS[platform.machine()], _CLONE3))
    program = _Program(len(instructions) // 8, instructions)
    for words in ((_NO_NEW_PRIVS, 1, 0, 0, 0), (_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)):
        if libc.libc().prctl(*words):
            raise libc.error("prctl")


def _filter(calls: tuple[int, ...]) -> bytes:
    """Return a filter that makes these system calls fail with EPERM."""
    rows = [(_LOAD, 0, 0, 0)]  # the call's number
    rows += [(_EQUALS, len(calls) - at, 0, call) for at, call in enumerate(calls)]
    rows += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _FAIL | errno.EPERM)]
    return b"".join(struct.pack("HBBI", *row) for row in rows)
