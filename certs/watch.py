"""Threads that notice changes: faster than polling, and never relied upon."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Event, Lock, Thread

import urllib3

from certs.store import Opener, StoreError

_LOG = logging.getLogger("certs")
_BETWEEN = 0.2  # seconds from the end of one stream to the next
_LONGEST = 60.0


class Watcher:
    """Keeps streams open and calls ``changed`` whenever one of them says anything at all.

    What it says is not looked at: whoever is called reads the objects anyway. A stream begins
    with the object as it is, so nothing that happened between two streams is missed.
    """

    def __init__(self, openers: Mapping[str, Opener], changed: Callable[[], None]) -> None:
        self._changed = changed
        self._closed = Event()
        self._lock = Lock()
        self._streams: set[urllib3.HTTPResponse] = set()
        self._threads = [
            # Daemons: the end of the process does not wait for a stream.
            Thread(target=self._follow, args=(opener,), name=f"certs-watch-{name}", daemon=True)
            for name, opener in openers.items()
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End all streams and wait for the threads."""
        self._closed.set()
        with self._lock:
            for stream in self._streams:
                _end(stream)
        for thread in self._threads:
            thread.join(5.0)

    def _follow(self, opener: Opener) -> None:
        pause = _BETWEEN
        while not self._closed.is_set():
            try:
                stream = opener()
            except StoreError as error:
                _LOG.debug("watch", extra={"fields": {"problem": str(error)}})
                pause = min(2 * pause, _LONGEST)
            else:
                self._read(stream)
                pause = _BETWEEN
            self._closed.wait(pause)

    def _read(self, stream: urllib3.HTTPResponse) -> None:
        with self._lock:
            self._streams.add(stream)
            if self._closed.is_set():
                _end(stream)
        try:
            for _ in stream.stream(amt=None, decode_content=False):
                self._changed()
        except (urllib3.exceptions.HTTPError, OSError):
            pass  # broken off: the next one begins with what was missed
        finally:
            with self._lock:
                self._streams.discard(stream)
            stream.close()


def _end(stream: urllib3.HTTPResponse) -> None:
    # Shut down, not closed: closing waits for the thread that reads.
    with suppress(OSError, RuntimeError, ValueError):  # it has just ended by itself
        stream.shutdown()
