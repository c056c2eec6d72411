"""Waiting for what happens, never longer than a deadline, never for a fixed time."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_DEADLINE = 60.0  # seconds; only a broken program takes them
_LOOK = 0.005


def until(happened: Callable[[], object], what: str) -> None:
    """Return as soon as it has happened; fail if it does not."""
    end = time.monotonic() + _DEADLINE
    while not happened():
        assert time.monotonic() < end, f"{what}: it never happened"
        time.sleep(_LOOK)


@contextmanager
def opening(gate: Path) -> Iterator[None]:
    """Let who waits at a named pipe go on at the end of the block, and later ones not wait at all.

    It is waited for, and still is there in the block.
    """
    descriptor = os.open(gate, os.O_WRONLY)
    gate.unlink()
    try:
        yield
    finally:
        os.close(descriptor)
