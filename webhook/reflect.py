"""Follows objects of the cluster, by list and watch. The only importer of kubernetes here.

Objects are plain JSON: the client's models refuse what they do not know.
"""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Protocol

import urllib3
from kubernetes import client, config

from certs.store import connection

_LOG = logging.getLogger("cluster")
_CONNECT, _READ = 3.0, 10.0  # seconds
_WATCH_SECONDS = 290
_SILENCE = 150.0  # seconds; the server sends a bookmark each minute
_SHORTEST, _LONGEST = 0.5, 30.0  # seconds between attempts
_PAGE = 500  # objects
_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
_ERRORS = (
    client.ApiException, config.ConfigException, urllib3.exceptions.HTTPError,
    OSError, ValueError, KeyError, TypeError,
)  # fmt: skip

ADDED, DELETED = "ADDED", "DELETED"

Json = Mapping[str, Any]


class Listener(Protocol):
    """Who is told of the objects, from one thread."""

    def replace(self, objects: Iterator[Json]) -> None:
        """These are all there are."""

    def change(self, found: Json, event: str) -> None:
        """One has come, changed or gone: ``event`` is ADDED, MODIFIED or DELETED."""

    def listen(self, listening: bool) -> None:
        """From now on changes are told at once, or not."""


@dataclass(frozen=True, slots=True)
class Source:
    """What to follow: an API path and a label selector; ``metadata`` leaves specs out.

    ``future``: only what comes from now on; what is there already is not told.
    """

    path: str
    selector: str = ""
    metadata: bool = False
    future: bool = False


class GoneError(Exception):
    """The version to follow from is too old: list again."""


class Reflector:
    """Keeps one listener up to date; a broken stream goes on where it ended."""

    def __init__(self, name: str, source: Source, listener: Listener) -> None:
        self.name = name
        self._source = source
        self._listener = listener
        self._api: client.ApiClient | None = None
        self._synced = Event()
        self._up = False
        self._version = ""  # from which to follow; none: list first

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
                if not self._version:
                    self._list()
                self._follow()
                pause, said = _SHORTEST, ""
            except GoneError:
                self._version = ""
            except _ERRORS as error:
                problem = f"{type(error).__name__} {getattr(error, 'status', '')}".strip()
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
        if self._source.future:
            self._version = self._page([("limit", "1")])["metadata"]["resourceVersion"]
            self._listener.replace(iter(()))
        else:
            self._listener.replace(self._objects())
        self._synced.set()

    def _objects(self) -> Iterator[Json]:
        going_on = None
        while going_on != "":
            query = [("limit", str(_PAGE)), *([("continue", going_on)] if going_on else [])]
            page = self._page(query)
            yield from page.get("items") or ()
            going_on = page["metadata"].get("continue") or ""
            version = page["metadata"]["resourceVersion"]
        self._version = version

    def _page(self, query: list[tuple[str, str]]) -> Json:
        found: Json = json.loads(self._get(query, "List").data)
        return found

    def _follow(self) -> None:
        """Tell changes until the stream ends."""
        query = [
            ("watch", "true"), ("allowWatchBookmarks", "true"),
            ("resourceVersion", self._version), ("timeoutSeconds", str(_WATCH_SECONDS)),
        ]  # fmt: skip
        with closing(self._get(query, "", _SILENCE)) as stream:
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
                self._version = found["metadata"]["resourceVersion"]

    def _get(
        self, query: list[tuple[str, str]], kind: str, read: float = _READ
    ) -> urllib3.HTTPResponse:
        """Ask for the objects; raise GoneError or one of the client's errors."""
        if self._api is None:
            self._api = connection()
        if self._source.selector:
            query = [*query, ("labelSelector", self._source.selector)]
        accept = _METADATA.format(kind) if self._source.metadata else "application/json"
        request = self._api.param_serialize(
            "GET", self._source.path, query_params=query,
            header_params={"Accept": accept}, auth_settings=["BearerToken"],
        )  # fmt: skip
        answer = self._api.call_api(*request, _request_timeout=(_CONNECT, read)).response
        if answer.status == 200:
            response: urllib3.HTTPResponse = answer
            return response
        answer.drain_conn()
        if answer.status == 410:
            raise GoneError
        raise client.ApiException(answer.status, answer.reason)


def _lines(stream: urllib3.HTTPResponse) -> Iterator[bytes]:
    rest = b""
    for chunk in stream.stream(amt=None, decode_content=False):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)
