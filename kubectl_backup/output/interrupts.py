"""Ctrl-C, a closed terminal and `kill`: work in progress is finished, or undone, first."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from kubectl_backup.output.terminal import Terminal

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

T = TypeVar("T")


def interruptible(note: str = "cleaning up") -> None:
    """Make a hang-up and a kill interrupt as Ctrl-C does, and each of them only once.

    The program then finishes what it has begun, which a second signal must not prevent; ``note``
    tells the person what it does.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in _ENDINGS:
            signal.signal(number, _not_now)
        sys.stderr.write(f"\ninterrupted: {note} ...\n")
        raise KeyboardInterrupt

    for number in _ENDINGS:
        signal.signal(number, interrupt)


def _not_now(_number: int, _frame: FrameType | None) -> None:
    """Do nothing; ignoring the signal instead would lose one that is on its way."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let no signal interrupt the block."""
    before = {number: signal.signal(number, _not_now) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def finishing(terminal: Terminal, work: Callable[[], T], finish: Callable[[], None]) -> T:
    """Do ``work``, then ``finish`` in any case; return what ``work`` returns.

    ``finish`` may be called twice: an interrupt may arrive right before it.
    """
    try:
        try:
            result = work()
        except Exception as error:
            _finish_after(terminal, error, finish)
            raise
        _finish(finish)
    except KeyboardInterrupt:
        _finish(finish)
        raise
    return result


def _finish(finish: Callable[[], None]) -> None:
    with uninterrupted():
        finish()


def _finish_after(terminal: Terminal, error: Exception, finish: Callable[[], None]) -> None:
    """Finish after an error; report that error first if ``finish`` fails too."""
    try:
        _finish(finish)
    except Exception:
        terminal.tell(f"kubectl backup: {' '.join(str(error).split())}")
        raise
