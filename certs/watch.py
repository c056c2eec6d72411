"""Notices changes of what certificates need: faster than polling, and never relied upon."""

import logging
from collections.abc import Callable, Iterator, Mapping

from kube.reader import Json, Reader
from kube.watch import Reflector

_LOG = logging.getLogger("certs")
_JOIN = 5.0  # seconds


class Watcher:
    """Calls ``changed`` whenever one of the objects changes.

    What changed is not looked at: whoever is called reads the objects anyway. A stream begins
    with the object as it is, so nothing that happened before it is missed.
    """

    def __init__(self, readers: Mapping[str, Reader], changed: Callable[[], None]) -> None:
        listener = _Changes(changed)
        self._watches = [
            Reflector(f"certs-{name}", reader, listener, _report)
            for name, reader in readers.items()
        ]
        for each in self._watches:
            each.start()

    def close(self) -> None:
        """End all streams and wait for the threads."""
        for each in self._watches:
            each.close()
        for each in self._watches:
            each.join(_JOIN)


class _Changes:
    """Reports that something changed, without its content."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def replace(self, objects: Iterator[Json]) -> None:
        """Do nothing: nothing is listed."""

    def change(self, found: Json, event: str) -> None:  # noqa: ARG002 -- as a Listener is called
        """Say so."""
        self._changed()

    def listen(self, listening: bool) -> None:
        """Do nothing: the objects are polled too."""


def _report(watch: str, problem: str) -> None:
    _LOG.debug("watch", extra={"fields": {"watch": watch, "problem": problem}})
