"""A time limit for one decision: the webhook answers one request at a time.

Every decision is linear in the pod's size, which is limited; this covers unforeseen cases. The only
module that sets a timer.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 0.25
"""Of one decision: a usual one takes less than a thousandth of that."""


class DeadlineError(BaseException):
    """The time is over. Not an Exception, so handlers that continue do not catch it."""


@contextmanager
def within(seconds: float = SECONDS) -> Iterator[None]:
    """Raise DeadlineError in what runs inside once the time is over.

    Python takes signals in its main thread alone, where the server runs; elsewhere no limit
    holds.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    under_way = True

    def expire(_number: int, _frame: FrameType | None) -> None:
        if under_way:  # not where the work ended a moment before the timer was stopped
            raise DeadlineError

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        under_way = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
