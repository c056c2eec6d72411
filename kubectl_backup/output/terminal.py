"""The terminal: output, progress and confirmations."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from contract.text import printable
from kubectl_backup.output.progress import Progress
from kubectl_backup.output.table import Table


class DeclinedError(Exception):
    """The person did not say yes."""


@dataclass(slots=True)
class Terminal:
    """``width`` is None if standard output is not a terminal; ``bars``: standard error is one.

    `draw` imports rich, so it is imported only to draw.
    """

    width: int | None
    paint: bool
    asks: bool
    bars: bool = False
    _progress: Progress | None = None

    def say(self, text: str = "", colour: str = "") -> None:
        """Write a line; nothing in it can steer the terminal."""
        line = _shown(text)
        if self.paint and colour and line:
            from kubectl_backup.output import draw  # noqa: PLC0415 -- see the class

            line = draw.painted(line, colour)
        self.show(line)

    def show(self, line: str) -> None:
        """Write a line unchanged: drawn, or for programs."""
        self._make_room()
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def table(self, table: Table, *, fits: bool = True) -> None:
        """Write a table; ``fits``: without the columns for which the terminal is too narrow."""
        from kubectl_backup.output import draw  # noqa: PLC0415 -- see the class

        for line in draw.table(table, self.width if fits else None, paint=self.paint):
            self.show(line)

    def tell(self, text: str) -> None:
        """Write a line on standard error: progress, hints, errors."""
        self._make_room()
        sys.stderr.write(_shown(text) + "\n")
        sys.stderr.flush()

    @contextmanager
    def progress(self, what: str, total: float | None = None) -> Iterator[Progress]:
        """Yield the progress of work on ``total`` bytes; it is hidden at the end of the block."""
        make_bar = None
        if self.bars:
            from kubectl_backup.output import draw  # noqa: PLC0415 -- see the class

            make_bar = draw.Bar
        self._make_room()
        outer, self._progress = self._progress, Progress(what, total, self.tell, make_bar)
        try:
            yield self._progress
        finally:
            self._make_room()
            self._progress = outer

    def clear(self) -> None:
        """Begin at the top of an empty screen."""
        if self.width is not None:
            sys.stdout.write("\x1b[H\x1b[2J")

    def confirm(self, question: str, *, yes: bool) -> None:
        """Return once the user confirms, also with --yes; otherwise raise DeclinedError."""
        if yes:
            return
        if not self.asks:
            raise DeclinedError(
                f"{question} Standard input is not a terminal; pass --yes to confirm."
            )
        from kubectl_backup.output import draw  # noqa: PLC0415 -- see the class

        if not draw.confirmed(_shown(question)):
            raise DeclinedError("nothing was done")

    def _make_room(self) -> None:
        if self._progress is not None:
            self._progress.hide()


def _shown(text: str) -> str:
    return printable(text, kept="\t")  # a newline would begin a forged line


def current() -> Terminal:
    """Return the terminal of this program."""
    on, redraws = sys.stdout.isatty(), os.environ.get("TERM") != "dumb"
    paint = on and redraws and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns if on else None
    return Terminal(width, paint, sys.stdin.isatty(), sys.stderr.isatty() and redraws)
