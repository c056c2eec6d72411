"""The wish to stop, as signals bring it."""

import signal


class Stop:
    """Whether the runner was told to stop; signals set it."""

    def __init__(self) -> None:
        self.asked = False

    def install(self) -> None:
        """Take SIGTERM and SIGINT as the wish to stop; ignore SIGHUP, by which restic probes."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._take)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _take(self, _number: int, _frame: object) -> None:
        self.asked = True
