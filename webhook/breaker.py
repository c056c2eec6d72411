"""The circuit breaker: an owner whose injected pods are all refused gets pods without sidecars.

Any policy of the cluster may refuse our container, and we are not told. What shows is that the
owner asks for its pod again and again, and that none with a sidecar ever comes to be.
"""

from collections import OrderedDict, deque
from threading import Lock

WINDOW = 60.0  # seconds within which attempts belong together
ATTEMPTS = 3
SETTLED = 2.0  # seconds after which a pod that came to be would have been seen
OPEN = 3600.0  # seconds until injection is tried again
_REMEMBERED = 64  # attempts of one owner; the last moments' say nothing yet
_OWNERS = 10_000  # that are remembered; the longest unheard of are forgotten first


class Breaker:
    """Attempts by owner, and who is let through without a sidecar. Moments are in seconds.

    Nothing opens while it is not told which pods come to be (`listen`).
    """

    def __init__(self) -> None:
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()
        self._open: OrderedDict[str, float] = OrderedDict()  # owner: until when
        self._listening = False
        self._lock = Lock()

    def listen(self, listening: bool) -> None:
        """Say whether new pods are being seen; attempts from before a gap prove nothing."""
        with self._lock:
            self._listening = listening
            self._attempts.clear()

    def attempt(self, owner: str, now: float) -> None:
        """A pod of ``owner`` is being admitted with a sidecar."""
        with self._lock:
            if not self._listening:
                return
            self._attempts.setdefault(owner, deque(maxlen=_REMEMBERED)).append(now)
            self._attempts.move_to_end(owner)
            if len(self._attempts) > _OWNERS:
                self._attempts.popitem(last=False)

    def came_to_be(self, owner: str) -> None:
        """A pod of ``owner`` with a sidecar exists."""
        with self._lock:
            self._attempts.pop(owner, None)
            self._open.pop(owner, None)

    def is_open(self, owner: str, now: float) -> bool:
        """Whether the next pod of ``owner`` should come without a sidecar."""
        with self._lock:
            if self._open.get(owner, now) > now:
                return True
            self._open.pop(owner, None)
            made = self._attempts.get(owner, ())
            if sum(now - WINDOW <= at <= now - SETTLED for at in made) < ATTEMPTS:
                return False
            del self._attempts[owner]
            self._open[owner] = now + OPEN
            if len(self._open) > _OWNERS:
                self._open.popitem(last=False)
            return True

    def count(self, now: float) -> int:
        """Return how many owners are let through without a sidecar."""
        with self._lock:
            return sum(until > now for until in self._open.values())
