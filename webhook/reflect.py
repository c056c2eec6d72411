"""Follows objects of the cluster, by list and watch."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import closing
from threading import Event, Thread
from typing import Protocol

import urllib3

from webhook import listing
from webhook.listing import GoneError, Json, Reader, Source

_LOG = logging.getLogger("cluster")
_SHORTEST, _LONGEST = 0.5, 30.0  # seconds between attempts

ADDED, DELETED = "ADDED", "DELETED"


class Listener(Protocol):
    """Who is told of the objects, from one thread."""

    def replace(self, objects: Iterator[Json]) -> None:
        """These are all there are."""

    def change(self, found: Json, event: str) -> None:
        """One has come, changed or gone: ``event`` is ADDED, MODIFIED or DELETED."""

    def listen(self, listening: bool) -> None:
        """From now on changes are told at once, or not."""


class Reflector:
    """Keeps one listener up to date; a broken stream goes on where it ended."""

    def __init__(self, name: str, source: Source, listener: Listener) -> None:
        self.name = name
        self._reader = Reader(source)
        self._listener = listener
        self._synced = Event()
        self._up = False

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        Thread(target=self._run, name=f"reflect-{self.name}", daemon=True).start()

    @property
    def synced(self) -> bool:
        """Whether all objects have been seen at least once."""
        return self._synced.is_set()

    @property
    def up(self) -> bool:
        """Whether changes are being told at the moment."""
        return self._up

    def _run(self) -> None:
        pause, said = _SHORTEST, ""
        while True:
            try:
                if not self._reader.version:
                    self._list()
                self._follow()
                pause, said = _SHORTEST, ""
            except GoneError:
                self._reader.version = ""
            except listing.ERRORS as error:
                problem = listing.problem(error)
                if problem != said:
                    fields = {"watch": self.name, "problem": problem}
                    _LOG.warning("watch", extra={"fields": fields})
                said = problem
                pause = _SHORTEST if self.up else min(2 * pause, _LONGEST)
            self._set_up(up=False)
            time.sleep(pause)

    def _set_up(self, *, up: bool) -> None:
        if up != self._up:
            self._up = up
            self._listener.listen(up)

    def _list(self) -> None:
        """Tell all objects anew, a page at a time."""
        if self._reader.source.future:
            self._reader.skip()
            self._listener.replace(iter(()))
        else:
            self._listener.replace(self._reader.objects())
        self._synced.set()

    def _follow(self) -> None:
        """Tell changes until the stream ends."""
        with closing(self._reader.stream()) as stream:
            self._set_up(up=True)
            for line in _lines(stream):
                event = json.loads(line)
                found = event["object"]
                if event["type"] == "ERROR":
                    if found.get("code") == 410:
                        raise GoneError
                    raise ValueError("the API server ended the watch")
                if event["type"] != "BOOKMARK":
                    self._listener.change(found, event["type"])
                self._reader.version = found["metadata"]["resourceVersion"]


def _lines(stream: urllib3.HTTPResponse) -> Iterator[bytes]:
    rest = b""
    for chunk in stream.stream(amt=None, decode_content=False):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)
