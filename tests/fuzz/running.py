"""Starts a fuzz target: ``python -m tests.fuzz.TARGET [libFuzzer's options] [folders]``.

Each target is a module that instruments what it imports, then calls ``start``. libFuzzer keeps what
reaches new code, and stops at the first input that breaks a promise, takes longer than
``-timeout`` seconds or needs more than ``-rss_limit_mb`` of memory. That input becomes a file.
"""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

Mutator = Callable[[bytes, int, int], bytes]


def start(one: Callable[[bytes], None], mutator: Mutator | None = None) -> None:
    """Run ``one`` with inputs until libFuzzer's options say that it is enough."""
    more = {"custom_mutator": mutator} if mutator else {}
    # By its first word libFuzzer starts this again, when it merges folders.
    again = f"{shlex.quote(sys.executable)} -m tests.fuzz.{Path(sys.argv[0]).stem}"
    atheris.Setup([again, *sys.argv[1:]], one, **more)
    atheris.Fuzz()


def mutated(data: bytes, most: int) -> bytes:
    """Return libFuzzer's own mutation of an input; of at most ``most`` bytes."""
    return bytes(atheris.Mutate(data, most))
