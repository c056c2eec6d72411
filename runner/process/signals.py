"""The request to stop, as signals bring it."""

import signal
import time

_LOOK = 0.5  # seconds between checks: a signal does not end a sleep


class Stop:
    """Whether a stop was requested; signals set it."""

    def __init__(self) -> None:
        self.asked = False
        self.signal = 0
        """The number of the first signal; 0 before one."""

    def install(self) -> None:
        """Take SIGTERM and SIGINT as the request to stop; ignore SIGHUP, by which restic probes."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def wait(self, seconds: float) -> bool:
        """Let this much time pass, or less if a stop is requested; return whether it is."""
        end = time.monotonic() + seconds
        while not self.asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK))
        return self.asked

    def _take(self, number: int, _frame: object) -> None:
        self.signal = self.signal or number
        self.asked = True
