"""Lets a command write to some folders alone, by Landlock, where the kernel has it (since 5.19).

restic restores by paths. An app that exchanges a folder for a link while restic works would have it
write somewhere else; the kernel then refuses that, and that it reads another volume.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import PurePath
from threading import Thread
from typing import TypeVar

from runner.sandbox import landlock

_LEAST = 2  # the first one that knows of links between folders
# Remove and make whatever there is, and move it to another folder.
_WRITES = landlock.WRITE_FILE | sum(1 << bit for bit in range(4, 14))
_HANDLED = _WRITES | landlock.READ_FILE | landlock.TRUNCATE

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


def _restrict(bounds: Bounds) -> None:
    """Restrict this thread; if the kernel cannot do so, continue without restriction."""
    if landlock.version() < _LEAST:
        return
    allowed = {
        _HANDLED: bounds.paths,
        landlock.READ_FILE: (*bounds.read, *_all_but(bounds.hidden)),
    }
    with ExitStack() as stack:
        rules = [(descriptor, _HANDLED) for descriptor in bounds.folders]
        for access, paths in allowed.items():
            for path in paths:
                with suppress(OSError):  # it is not there, or a link to nowhere
                    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
                    stack.callback(os.close, descriptor)
                    rules.append((descriptor, access))
        landlock.restrict(_HANDLED, rules)


def _all_but(hidden: str) -> Iterator[str]:
    """Yield the siblings of a folder, and of each of its parents."""
    path = PurePath(hidden)
    for folder, left_out in zip(path.parents, (path, *path.parents), strict=False):
        with suppress(OSError):
            names = os.listdir(folder)  # noqa: PTH208 -- names, which may be many
            yield from (f"{folder}/{name}" for name in names if name != left_out.name)
