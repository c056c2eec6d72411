"""Follows objects of the cluster, by list and watch."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from threading import Event, Lock, Thread
from typing import Protocol

import urllib3

from kube.errors import ERRORS, GoneError, problem
from kube.reader import Json, Reader

_SHORTEST, _LONGEST = 0.5, 30.0  # seconds between attempts

ADDED, DELETED = "ADDED", "DELETED"


class Listener(Protocol):
    """Receives the objects, from one thread."""

    def replace(self, objects: Iterator[Json]) -> None:
        """These are all there are."""

    def change(self, found: Json, event: str) -> None:
        """One has come, changed or gone: ``event`` is ADDED, MODIFIED or DELETED."""

    def listen(self, listening: bool) -> None:
        """From now on changes are reported immediately, or not."""


class Reflector:
    """Keeps one listener up to date; a broken stream goes on where it ended.

    ``report`` gets the watch's name and each new problem.
    """

    def __init__(
        self, name: str, reader: Reader, listener: Listener, report: Callable[[str, str], None]
    ) -> None:
        self.name = name
        self._reader = reader
        self._listener = listener
        self._report = report
        self._synced = Event()
        self._closed = Event()
        self._lock = Lock()
        self._stream: urllib3.HTTPResponse | None = None
        self._up = False
        # A daemon: the end of the process does not wait for a stream.
        self._thread = Thread(target=self._run, name=f"{name}-watch", daemon=True)

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        self._thread.start()

    def close(self) -> None:
        """End the stream immediately; `join` waits for the thread."""
        self._closed.set()
        with self._lock:
            if self._stream is not None:
                _end(self._stream)

    def join(self, seconds: float) -> None:
        """Wait for the thread after `close`."""
        self._thread.join(seconds)

    @property
    def synced(self) -> bool:
        """Whether all objects have been seen at least once."""
        return self._synced.is_set()

    @property
    def up(self) -> bool:
        """Whether changes are being reported at the moment."""
        return self._up

    def _run(self) -> None:
        pause, reported = _SHORTEST, ""
        while not self._closed.is_set():
            try:
                if not self._reader.version:
                    self._list()
                self._follow()
                pause, reported = _SHORTEST, ""
            except GoneError:
                self._reader.version = ""
            except ERRORS as error:
                found = problem(error)
                if found != reported and not self._closed.is_set():
                    self._report(self.name, found)
                reported = found
                pause = _SHORTEST if self.up else min(2 * pause, _LONGEST)
            self._set_up(up=False)
            self._closed.wait(pause)

    def _set_up(self, *, up: bool) -> None:
        if up != self._up:
            self._up = up
            self._listener.listen(up)

    def _list(self) -> None:
        """Report all objects again, a page at a time."""
        if not self._reader.source.listed:
            pass  # the stream begins with them
        elif self._reader.source.future:
            self._reader.skip()
            self._listener.replace(iter(()))
        else:
            self._listener.replace(self._reader.objects())
        self._synced.set()

    def _follow(self) -> None:
        """Report changes until the stream ends."""
        with closing(self._reader.stream()) as stream, self._kept(stream):
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

    @contextmanager
    def _kept(self, stream: urllib3.HTTPResponse) -> Iterator[None]:
        """Let `close` end ``stream`` while the block runs."""
        with self._lock:
            self._stream = stream
            if self._closed.is_set():
                _end(stream)
        try:
            yield
        finally:
            with self._lock:
                self._stream = None


def _end(stream: urllib3.HTTPResponse) -> None:
    # Shut down, not closed: closing waits for the thread that reads.
    with suppress(OSError, RuntimeError, ValueError):  # it has just ended by itself
        stream.shutdown()


def _lines(stream: urllib3.HTTPResponse) -> Iterator[bytes]:
    rest = b""
    for chunk in stream.stream(amt=None, decode_content=False):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)
