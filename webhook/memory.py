"""Memory that is free and that the C library keeps: given back to the system."""

import ctypes
import time
from collections.abc import Callable
from contextlib import suppress

_SECONDS = 0.5  # between two times; one takes milliseconds


def _trim() -> None:
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


class Trim:
    """Gives free memory back when asked, and not too often."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, trim: Callable[[], None] = _trim
    ) -> None:
        self._clock = clock
        self._trim = trim
        self._last = -_SECONDS

    def __call__(self) -> None:
        """Give back what is free, unless that was done just before."""
        now = self._clock()
        if now - self._last >= _SECONDS:
            self._trim()
            self._last = now
