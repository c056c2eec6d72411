"""Returns free memory of the C library to the system."""

import ctypes
import time
from collections.abc import Callable
from contextlib import suppress

_SECONDS = 0.5  # between two times; one takes milliseconds
_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc
_PIECE = 64 * 1024  # bytes, what a connection reads at a time


def _trim() -> None:
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def apart() -> None:
    """Keep pieces of a body out of the heap, so that each goes back to the system when it is freed.

    glibc raises this bound by itself with each large piece that is freed, and then keeps what was
    read from strangers.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_THRESHOLD, _PIECE)


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
