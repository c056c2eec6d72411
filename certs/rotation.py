"""Which CA signs, which are trusted, and what comes next. Pure: no clock, no cluster.

A rotation has three steps, each of which every replica can take and only one succeeds in writing:
the next CA is made and gets into the bundle; when it has been in the *installed* bundle for the
overlap period, it signs; when no leaf of the old one can be left, the old one leaves the bundle.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography.x509 import Certificate

from certs.authority import CA, SKEW, new_ca


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things last. Raises ValueError if a rotation could not end in time."""

    ca: timedelta = timedelta(days=365)
    leaf: timedelta = timedelta(days=1)
    overlap: timedelta = timedelta(days=1)

    def __post_init__(self) -> None:
        # A rotation starts at two thirds of a CA's life, the next one at two thirds of the
        # next CA's: publishing fits into the last third, and dropping ends before that.
        if min(self.leaf, self.overlap) <= timedelta(0):
            raise ValueError("a leaf's life and the overlap must be longer than nothing")
        if max(self.leaf, self.overlap) > self.ca / 3:
            raise ValueError("a CA must live at least three times as long as a leaf and an overlap")


@dataclass(frozen=True, slots=True)
class Content:
    """What the Secret holds. Times are aware datetimes.

    ``published`` is since when the ``next`` CA is in the installed bundle, ``switched`` since
    when ``current`` signs instead of ``previous``; ``asked``: somebody wants a rotation now.
    """

    current: CA
    next: CA | None = None
    published: datetime | None = None
    previous: Certificate | None = None
    switched: datetime | None = None
    asked: bool = False

    @property
    def bundle(self) -> tuple[Certificate, ...]:
        """The CAs to be trusted: the one that signs, then the one to come or the one before."""
        others = (self.next.certificate if self.next else None, self.previous)
        return (self.current.certificate, *(other for other in others if other))


@dataclass(frozen=True, slots=True)
class Step:
    """What the Secret should hold, and the latest moment to look again."""

    content: Content
    look_again: datetime


def step(
    now: datetime,
    stored: Content | None,
    remembered: Content | None,
    installed: AbstractSet[Certificate] | None,
    times: Lifetimes,
) -> Step:
    """Return the next content; it equals ``stored`` where nothing has to be written.

    ``stored`` is None if there is no usable Secret; then what this replica ``remembered`` is
    restored, as its leaves and the installed bundle still go by it. ``installed`` are the CAs
    that the API server trusts now, None if that is unknown.
    """
    content = stored or remembered
    if content is None:
        content = Content(new_ca(now, times.ca))
    content = _sound(content, now)
    if not content.current.valid(now):
        content = _replaced(content, now, times)
    elif content.next is not None:
        content = _prepared(content, content.next, now, installed, times)
    elif content.previous is not None:
        content = _dropped(content, now, times)
    if content.next is None and content.previous is None and _due(content, now):
        content = replace(content, next=new_ca(now, times.ca), asked=False)
    return Step(content, _look_again(content, times))


def _sound(content: Content, now: datetime) -> Content:
    """Leave out expired CAs, and times that a wrong clock wrote."""
    if content.next is not None and not content.next.valid(now):
        content = replace(content, next=None, published=None)
    if content.previous is not None and content.previous.not_valid_after_utc <= now:
        content = replace(content, previous=None, switched=None)
    if content.published is not None and content.published > now + SKEW:
        content = replace(content, published=now)
    if content.switched is not None and content.switched > now + SKEW:
        content = replace(content, switched=now)
    return content


def _replaced(content: Content, now: datetime, times: Lifetimes) -> Content:
    """Return a new CA immediately: clients refuse the current one."""
    old = content.current.certificate
    # One that has not begun yet was made by a clock far ahead, or ours is behind. In the second
    # case the others' leaves are good, so it stays trusted.
    signer = content.next or new_ca(now, times.ca)
    if now < old.not_valid_before_utc:
        return Content(signer, previous=old, switched=now)
    return Content(signer)


def _prepared(
    content: Content,
    coming: CA,
    now: datetime,
    installed: AbstractSet[Certificate] | None,
    times: Lifetimes,
) -> Content:
    """Let the next CA sign once it was in the installed bundle for long enough."""
    if installed is None:
        return content
    if coming.certificate not in installed:
        return replace(content, published=None)
    if content.published is None:
        return replace(content, published=now)
    if now < content.published + times.overlap:
        return content
    return Content(coming, previous=content.current.certificate, switched=now, asked=content.asked)


def _dropped(content: Content, now: datetime, times: Lifetimes) -> Content:
    if content.switched is None:
        return replace(content, switched=now)
    if now < _drop(content.switched, times):
        return content
    return replace(content, previous=None, switched=None)


def _drop(switched: datetime, times: Lifetimes) -> datetime:
    # A replica that could not reach the Secret since then shows its last leaf that long.
    return switched + max(times.leaf, times.overlap)


def _due(content: Content, now: datetime) -> bool:
    return content.asked or now >= content.current.renewal


def _look_again(content: Content, times: Lifetimes) -> datetime:
    moments = [content.current.certificate.not_valid_after_utc]
    if content.published is not None:
        moments.append(content.published + times.overlap)
    if content.switched is not None:
        moments.append(_drop(content.switched, times))
    if content.next is None and content.previous is None:
        moments.append(content.current.renewal)
    return min(moments)
