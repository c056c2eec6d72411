"""Lets a command write to some folders alone, by Landlock, where the kernel has it (since 5.19).

restic restores by paths. An app that exchanges a folder for a link while restic works would have it
write somewhere else; the kernel then refuses that, and that it reads another volume. It knows no
rule for owners, modes and times of what is already there: docs/security.md says what that leaves.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from threading import Thread
from typing import TypeVar

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # on every architecture
_VERSION, _BENEATH = 1, 1  # LANDLOCK_CREATE_RULESET_VERSION, LANDLOCK_RULE_PATH_BENEATH
_NO_NEW_PRIVS = 38  # PR_SET_NO_NEW_PRIVS
_LEAST = 2  # the first one that knows of links between folders
_WRITE_FILE, _READ_FILE, _TRUNCATE = 1 << 1, 1 << 2, 1 << 14
# Remove and make whatever there is, and move it to another folder.
_WRITES = _WRITE_FILE | sum(1 << bit for bit in range(4, 14))
_RULE = "=Qi"  # struct landlock_path_beneath_attr
_C = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a command may write: in open folders and at paths; elsewhere, it reads at most.

    ``hidden``: a folder in which it reads nothing else; ``read`` are exceptions.
    """

    folders: tuple[int, ...]
    paths: tuple[str, ...]
    hidden: str
    read: tuple[str, ...] = ()


def confined(start: Callable[[], T], bounds: Bounds) -> T:
    """Call ``start``, whose child processes stay in these bounds.

    A thread restricts itself, its children inherit that, and it ends; we stay as we are.
    """
    answers: list[T] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            _restrict(bounds)
            answers.append(start())
        except BaseException as error:  # noqa: BLE001 -- raised again by who waits
            failures.append(error)

    thread = Thread(target=work)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return answers[0]


@cache
def version() -> int:
    """Return which version of Landlock the kernel has; 0 for none, or where it is forbidden."""
    found: int = _C.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    return max(found, 0)


def _restrict(bounds: Bounds) -> None:
    """Restrict this thread; where the kernel cannot do so, it goes on as it is."""
    if version() < _LEAST:
        return
    # ftruncate and O_TRUNC have a right of their own since version 3.
    handled = _WRITES | _READ_FILE | (_TRUNCATE if version() > 2 else 0)
    attributes = struct.pack("=Q", handled)
    rules: int = _C.syscall(
        _CREATE, ctypes.c_char_p(attributes), ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)
    )
    if rules < 0:
        return
    try:
        for descriptor in bounds.folders:
            _allow(rules, descriptor, handled)
        for paths, allowed in (
            (bounds.paths, handled), (bounds.read, _READ_FILE),
            (_all_but(bounds.hidden), _READ_FILE),
        ):  # fmt: skip
            for path in paths:
                _allow_path(rules, path, allowed)
        if not _C.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
            _C.syscall(_RESTRICT, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)


def _all_but(hidden: str) -> Iterator[str]:
    """Yield what is beside a folder, and beside each of those that it is in."""
    path = PurePath(hidden)
    for folder, left_out in zip(path.parents, (path, *path.parents), strict=False):
        with suppress(OSError):
            names = os.listdir(folder)  # noqa: PTH208 -- names, which may be many
            yield from (f"{folder}/{name}" for name in names if name != left_out.name)


def _allow_path(rules: int, path: str, allowed: int) -> None:
    with suppress(OSError):  # it is not there, or a link to nowhere: nothing is allowed
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                _allow(rules, descriptor, allowed)
            else:  # a file has no right of a folder
                _allow(rules, descriptor, allowed & (_WRITE_FILE | _READ_FILE | _TRUNCATE))
        finally:
            os.close(descriptor)


def _allow(rules: int, descriptor: int, allowed: int) -> None:
    rule = struct.pack(_RULE, allowed, descriptor)
    if _C.syscall(
        _ADD, ctypes.c_int(rules), ctypes.c_int(_BENEATH), ctypes.c_char_p(rule), ctypes.c_uint32(0)
    ):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"/proc/self/fd/{descriptor}")
