"""Lets manual commands wait for a run in progress, for a limited time, with a message."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

from contract import names
from runner.process.log import Log
from runner.process.signals import Stop

_TRIED_EVERY = 0.25  # seconds
_TOLD_EVERY = 60  # seconds; connections that stay silent for minutes are cut


def for_turn(log: Log, stop: Stop, limit: float) -> Callable[[float], bool]:
    """Return what waits a moment for a lock, for ``limit`` seconds in all or until a signal.

    Called with the time since when the lock is held; returns whether to try again.
    """
    began = time.monotonic()
    told_at: float | None = None

    def wait(since: float) -> bool:
        nonlocal told_at
        now = time.monotonic()
        left = began + limit - now
        if left <= 0:
            return False
        if told_at is None or now - told_at >= _TOLD_EVERY:
            told_at = now
            log.line(
                "info", names.WAITING_MESSAGE,
                since=_rfc3339(since), seconds_left=round(left), pid=os.getpid(),
            )  # fmt: skip
        return not stop.wait(min(_TRIED_EVERY, left))

    return wait


def _rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).isoformat().replace("+00:00", "Z")
