"""When a running command must be stopped, and why. Times are monotonic."""

from runner.process import cgroup
from runner.process.folders.quota import Quota
from runner.process.signals import Stop
from runner.steps.listener import Listener
from runner.steps.step import Step

_LAST = 10  # seconds that are left to what runs although the pod stops


class Watch:
    """Watches over one command."""

    def __init__(
        self, step: Step, stop: Stop, open_timeout: float, now: float, quota: Quota
    ) -> None:
        self._step = step
        self._stop = stop
        self._open_timeout = open_timeout
        self._ends = now + step.limit if step.limit else float("inf")
        self._hurried = False
        self._quota = quota

    def reason_to_stop(self, now: float, listener: Listener) -> str:
        """Return a word, such as "signal", "time" or "space"; "" while it may go on."""
        if self._stop.asked and not self._step.always:
            return "signal"
        if self._stop.asked and not self._hurried:
            self._hurried = True
            self._ends = min(self._ends, now + _LAST)
        if now > self._ends:
            return "time"
        if listener.cache_stops_it:
            return "cache"
        if listener.keeps_retrying(self._open_timeout):
            return "retrying"
        # Killed by the kernel, the whole container ends, and its restarts make the app not Ready.
        if cgroup.memory_is_short():
            return "memory"
        return "space" if self._quota.exceeded(now) else ""
