"""The terminal: its width, its colours, what is asked there."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TypeVar

from contract.text import printable
from kubectl_backup.output.table import painted

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

T = TypeVar("T")


class DeclinedError(Exception):
    """Nobody said yes."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """``width`` is None where standard output is no terminal."""

    width: int | None
    paint: bool
    asks: bool

    def say(self, text: str = "", colour: str = "") -> None:
        """Write a line; nothing in it can steer the terminal."""
        self.show(painted(_shown(text), colour, paint=self.paint))

    def show(self, line: str) -> None:
        """Write a line as it is: one of a table, with its colours, or one for programs."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def tell(self, text: str) -> None:
        """Write a line that is not what was asked for: progress, hints."""
        sys.stderr.write(_shown(text) + "\n")
        sys.stderr.flush()

    def progress(self, text: str) -> None:
        """Show how far things are, on one line of a terminal; nothing elsewhere."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{_shown(text)}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Begin at the top of an empty screen."""
        if self.width is not None:
            sys.stdout.write("\x1b[H\x1b[2J")

    def confirm(self, what: str, *, yes: bool) -> None:
        """Return where somebody says yes to ``what``, or said so before; else DeclinedError."""
        if yes:
            return
        if not self.asks:
            raise DeclinedError(f"{what} Nobody can be asked here: add --yes.")
        sys.stderr.write(f"{_shown(what)} [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise DeclinedError("nothing was done")


def _shown(text: str) -> str:
    return printable(text, kept="\t")  # a newline would begin a line that nobody wrote


def interruptible(note: str = "putting things back") -> None:
    """Let closing the terminal, or a kill, interrupt as Ctrl-C does; and each only once.

    What was begun is then brought to an end, which a second one must not prevent; ``note`` is
    what the person reads of it.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in _ENDINGS:
            signal.signal(number, _not_now)
        sys.stderr.write(f"\ninterrupted: {note} ...\n")
        raise KeyboardInterrupt

    for number in _ENDINGS:
        signal.signal(number, interrupt)


def _not_now(_number: int, _frame: FrameType | None) -> None:
    """Let a signal be; ignoring it would lose one that is on its way, with a trace."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let nothing interrupt what must be done to the end."""
    before = {number: signal.signal(number, _not_now) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def finishing(terminal: Terminal, work: Callable[[], T], finish: Callable[[], None]) -> T:
    """Do ``work``, then ``finish`` whatever happens; return what ``work`` returns.

    ``finish`` may be called twice: an interrupt, of which there is one, may come right before it.
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
    """Finish after an error, which is told first where ``finish`` fails too."""
    try:
        _finish(finish)
    except Exception:
        terminal.tell(f"kubectl backup: {' '.join(str(error).split())}")
        raise


def current() -> Terminal:
    """Return the terminal that this program runs at."""
    on = sys.stdout.isatty()
    paint = on and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = shutil.get_terminal_size().columns if on else None
    return Terminal(width, paint, sys.stdin.isatty())
