"""Sources of certificates: the view that each gives to the keeper."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from certs.authority import Leaf


@dataclass(frozen=True, slots=True)
class View:
    """What a source has now.

    ``leaf`` is to be shown; None only where there never was one. ``bundles`` are the PEM texts
    that clients verify it with, as far as is known; ``in_sync`` is whether they are what they
    should be, None if that is not ours to say. ``problem`` is empty if all went well.
    """

    leaf: Leaf | None
    look_again: datetime
    bundles: frozenset[bytes] = frozenset()
    in_sync: bool | None = None
    ca_expires: datetime | None = None
    problem: str = ""


class Source(Protocol):
    """One of the modes."""

    def refresh(self, now: datetime) -> View:
        """Do what is due, and return the view. Problems are in the view, not raised."""
        ...

    def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed``, from a thread, whenever refreshing may be worth it; until close."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...
