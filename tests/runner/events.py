"""Waiting for what happens, never longer than a deadline, never for a fixed time."""

import time
from collections.abc import Callable

_DEADLINE = 60.0  # seconds; only a broken program takes them
_LOOK = 0.005


def until(happened: Callable[[], object], what: str) -> None:
    """Return as soon as it has happened; fail if it does not."""
    end = time.monotonic() + _DEADLINE
    while not happened():
        assert time.monotonic() < end, f"{what}: it never happened"
        time.sleep(_LOOK)
