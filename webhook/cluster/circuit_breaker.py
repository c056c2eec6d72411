"""The circuit breaker: an owner whose injected pods are all refused gets pods without sidecars.

Any policy of the cluster may refuse our container, and the webhook is not informed. Attempts alone
prove nothing: anyone who reaches the port can send reviews. So the breaker opens only if the API
server confirms them (`webhook.cluster.evidence`).
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import NamedTuple

from webhook.admission.pod_spec import Owner
from webhook.cluster.evidence import TELLING, Evidence

WINDOW = 60.0  # seconds within which attempts belong together
ATTEMPTS = 3
SETTLED = 2.0  # seconds after which a pod that was created would have been seen
OPEN = 3600.0  # seconds until injection is tried again
BRIEF = 300.0  # the same where no event of the API server tells of a refusal
_REMEMBERED = 16  # attempts of one owner
_CLAIMS = 4096  # owners of which the API server has said nothing; the oldest are forgotten first
_OWNERS = 10_000  # of which it has


class Verdict(StrEnum):
    """Whether the API server confirms that an owner's pods are refused."""

    CONFIRMED = "confirmed"
    """A FailedCreate event confirms it: the breaker opens."""
    SUSPICIOUS = "suspicious"
    """The owner exists, but no event confirms a refusal: the breaker opens briefly."""
    BROKEN = "broken"
    """A pod of the owner shows that its sidecar does not run: the breaker opens."""
    UNCONFIRMED = "unconfirmed"
    """Only the requests suggest it: the breaker stays closed."""


class _Open(NamedTuple):
    """Until when an owner gets no sidecar; ``why`` is "" if its pods were refused."""

    until: float
    why: str = ""


@dataclass(slots=True)
class _Tried:
    """When pods of an owner were injected, by which requests, and whether that was announced."""

    at: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    announced: bool = False

    def add(self, request: str, now: float) -> None:
        self.forget(now - WINDOW)
        # A hash: the text is a stranger's, and may be megabytes.
        if len(self.at) < _REMEMBERED and hash(request) not in self.requests:
            self.at.append(now)
            self.requests.append(hash(request))

    def forget(self, before: float) -> None:
        old = sum(moment < before for moment in self.at)
        del self.at[:old], self.requests[:old]

    def are_settled(self, now: float) -> bool:
        self.forget(now - WINDOW)
        return sum(moment <= now - SETTLED for moment in self.at) >= ATTEMPTS


class Breaker:
    """Attempts by owner, and owners admitted without a sidecar. Times are in seconds.

    It does not open while created pods are not reported to it (`listen`). ``authenticated``: only
    the API server can send requests, which holds where it shows a client certificate.
    """

    def __init__(
        self,
        evidence: Evidence,
        announce: Callable[[Owner, Verdict], None] = lambda *_: None,
        *,
        authenticated: bool = False,
    ) -> None:
        self.tally: Counter[Verdict] = Counter(dict.fromkeys(Verdict, 0))
        self._evidence = evidence
        self._announce = announce
        self._authenticated = authenticated
        self._claimed: OrderedDict[Owner, _Tried] = OrderedDict()
        self._backed: OrderedDict[Owner, _Tried] = OrderedDict()
        self._open: OrderedDict[Owner, _Open] = OrderedDict()
        self._listening = False
        self._lock = Lock()

    def listen(self, listening: bool) -> None:
        """Say whether new pods are being seen; attempts from before a gap prove nothing."""
        with self._lock:
            self._listening = listening
            self._claimed.clear()
            self._backed.clear()

    def attempt(self, owner: Owner, request: str, now: float) -> None:
        """A pod of ``owner`` is being admitted with a sidecar; ``request`` is the review's uid."""
        if not owner.is_plausible:
            return
        with self._lock:
            if not self._listening:
                return
            tried = self._tried(owner) or _Tried()
            tried.add(request, now)
            # Apart: a flood of invented owners must not push out what the API server knows of.
            backed = self._evidence.of(owner)
            table, most = (self._backed, _OWNERS) if backed else (self._claimed, _CLAIMS)
            table[owner] = tried
            if len(table) > most:
                table.popitem(last=False)

    def came_to_be(self, owner: Owner) -> None:
        """A pod of ``owner`` with a sidecar exists."""
        with self._lock:
            self._tried(owner)
            if not self.why(owner):
                self._open.pop(owner, None)
            self._evidence.forget_refusal(owner)

    def broke(self, owner: Owner, why: str, now: float) -> None:
        """Record that the sidecar in a pod of ``owner`` does not run, and ``why``."""
        if not owner.uid or not owner.is_plausible:
            return  # nothing makes another pod of it
        with self._lock:
            news = owner not in self._open
            self._opened(owner, _Open(now + OPEN, why))
            self.tally[Verdict.BROKEN] += news
        if news:
            self._announce(owner, Verdict.BROKEN)

    def why(self, owner: Owner) -> str:
        """Return why the sidecar does not run in pods of ``owner``; "" if nothing shows that."""
        found = self._open.get(owner)
        return found.why if found else ""

    def is_open(self, owner: Owner, now: float) -> bool:
        """Whether the next pod of ``owner`` should come without a sidecar."""
        with self._lock:
            if (found := self._open.get(owner)) and found.until > now:
                return True
            self._open.pop(owner, None)
            tried = self._backed.get(owner) or self._claimed.get(owner)
            if tried is None or not tried.are_settled(now):
                return False
            verdict = self._verdict(owner, tried)
            if verdict is Verdict.UNCONFIRMED:
                news, tried.announced = not tried.announced, True
            else:
                self._tried(owner)
                lasting = OPEN if verdict is Verdict.CONFIRMED else BRIEF
                self._opened(owner, _Open(now + lasting))
                news = True
            self.tally[verdict] += news
        if news:
            self._announce(owner, verdict)
        return verdict is not Verdict.UNCONFIRMED

    def count(self, now: float) -> int:
        """Return how many owners are let through without a sidecar."""
        with self._lock:
            return sum(each.until > now for each in self._open.values())

    def _opened(self, owner: Owner, found: _Open) -> None:
        self._open[owner] = found
        if len(self._open) > _OWNERS:
            self._open.popitem(last=False)

    def _tried(self, owner: Owner) -> _Tried | None:
        """Return and drop the attempts of an owner."""
        backed = self._backed.pop(owner, None)
        return self._claimed.pop(owner, None) or backed

    def _verdict(self, owner: Owner, tried: _Tried) -> Verdict:
        if self._evidence.refused_since(owner, tried.at[0]):
            return Verdict.CONFIRMED
        if owner.kind in TELLING and self._evidence.events_seen:
            return Verdict.UNCONFIRMED  # its controller would have written an event
        if self._authenticated or self._evidence.exists(owner):
            return Verdict.SUSPICIOUS
        return Verdict.UNCONFIRMED
