"""Reads objects of the cluster, by the page or as a stream.

Objects are plain JSON: the client's models refuse what they do not know.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from kubernetes import client

from kube.connection import connection
from kube.errors import GoneError

_CONNECT, _READ = 3.0, 10.0  # seconds
_WATCH_SECONDS = 290
_SILENCE = 150.0  # seconds; the server sends a bookmark each minute
_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """What to read: an API path, and selectors of labels and fields.

    ``metadata`` leaves specs out. ``future``: only what comes from now on; what is there already
    is not told. ``listed``: list before watching; a stream without a list begins with what is
    there, and needs no right to list. ``page``: objects of one answer, in memory together.
    """

    path: str
    selector: str = ""
    metadata: bool = False
    future: bool = False
    fields: str = ""
    page: int = 500
    listed: bool = True


class Reader:
    """Asks for the objects of one source. Methods raise GoneError or one of `errors.ERRORS`."""

    def __init__(
        self, source: Source, connect: Callable[[], client.ApiClient] = connection
    ) -> None:
        self._connect = connect
        self.source = source
        self.version = ""
        """From which to follow, once all objects have been read."""
        self._api: client.ApiClient | None = None

    def objects(self) -> Iterator[Json]:
        """Yield all objects, a page at a time."""
        going_on = None
        while going_on != "":
            # No resourceVersion=0: for it the server ignores the limit, and sends all immediately.
            query = [("limit", str(self.source.page))]
            page = self._page([*query, *([("continue", going_on)] if going_on else [])])
            going_on = page["metadata"].get("continue") or ""
            version = page["metadata"]["resourceVersion"]
            yield from page.get("items") or ()
            del page  # before the next one is read
        self.version = version

    def skip(self) -> None:
        """Read the current resource version without the objects."""
        self.version = self._page([("limit", "1")])["metadata"]["resourceVersion"]

    def stream(self) -> urllib3.HTTPResponse:
        """Open the stream of changes since ``version``; the caller closes it."""
        query = [
            ("watch", "true"), ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(_WATCH_SECONDS)),
        ]  # fmt: skip
        since = [("resourceVersion", self.version)] if self.version else []
        return self._get([*query, *since], "", _SILENCE)

    def _page(self, query: list[tuple[str, str]]) -> Json:
        found: Json = json.loads(self._get(query, "List").data)
        return found

    def _get(
        self, query: list[tuple[str, str]], kind: str, read: float = _READ
    ) -> urllib3.HTTPResponse:
        if self._api is None:
            self._api = self._connect()
        if self.source.selector:
            query = [*query, ("labelSelector", self.source.selector)]
        if self.source.fields:
            query = [*query, ("fieldSelector", self.source.fields)]
        accept = _METADATA.format(kind) if self.source.metadata else "application/json"
        request = self._api.param_serialize(
            "GET", self.source.path, query_params=query,
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
