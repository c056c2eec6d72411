"""Progress of long work: a bar on a terminal, a line every ten seconds elsewhere."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from contract import units
from contract.text import printable

_EVERY = 10.0  # seconds between two lines


class Bar(Protocol):
    """What draws a bar."""

    def show(self, what: str, done: float, total: float | None) -> None:
        """Draw it."""

    def hide(self) -> None:
        """Remove it."""


class Progress:
    """The progress of one piece of work, in bytes if they are known.

    ``tell`` writes a line; ``make_bar`` returns a bar with the given figures. It is None without a
    terminal.
    """

    def __init__(
        self, what: str, total: float | None, tell: Callable[[str], None],
        make_bar: Callable[[Callable[[], str]], Bar] | None,
    ) -> None:  # fmt: skip
        self._what = self._text = printable(what)
        self._total = total
        self._done = 0.0
        self._tell = tell
        self._bar = make_bar(self.figures) if make_bar else None
        self._began = self._told = time.monotonic()

    def show(self, text: str = "") -> None:
        """Show it, with the current step."""
        self._text = f"{self._what}: {printable(text)}" if text else self._what
        self._update()

    def move(self, done: float, total: float | None = None) -> None:
        """Set the number of bytes that are done."""
        self._done = done
        self._total = self._total if total is None else total
        self._update()

    def counting(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield chunks as they arrive, and count their bytes as done."""
        for chunk in chunks:
            self.move(self._done + len(chunk))
            yield chunk

    def hide(self) -> None:
        """Make room for other lines; the next update shows it again."""
        if self._bar is not None:
            self._bar.hide()

    def figures(self) -> str:
        """Return bytes, rate and time left, or the elapsed time if no bytes are known."""
        spent = time.monotonic() - self._began
        if not self._done:
            return units.span(spent)
        rate = self._done / max(spent, 1e-3)
        if self._total is None:
            return f"{units.size(self._done)}, {units.size(rate)}/s"
        done, left = min(self._done, self._total), max(0.0, self._total - self._done)
        share = f"{units.size(done)} of {units.size(self._total)}"
        return f"{share}, {units.size(rate)}/s, {units.span(left / rate)} left"

    def _update(self) -> None:
        if self._bar is not None:
            self._bar.show(self._text, self._done, self._total)
        elif time.monotonic() - self._told >= _EVERY:
            self._told = time.monotonic()
            self._tell(f"{self._text}, {self.figures()}")
