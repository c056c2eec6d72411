"""Reads objects of the cluster, by the page or as a stream. The only importer of kubernetes here.

Objects are plain JSON: the client's models refuse what they do not know.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
import yaml
from kubernetes import client, config

from certs.store import connection

_CONNECT, _READ = 3.0, 10.0  # seconds
_WATCH_SECONDS = 290
_SILENCE = 150.0  # seconds; the server sends a bookmark each minute
_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
ERRORS = (
    client.ApiException, config.ConfigException, urllib3.exceptions.HTTPError,
    yaml.YAMLError, OSError, ValueError, KeyError, TypeError,
)  # fmt: skip

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """What to read: an API path, and selectors of labels and fields.

    ``metadata`` leaves specs out. ``future``: only what comes from now on; what is there already
    is not told. ``page``: objects of one answer, which are in memory together.
    """

    path: str
    selector: str = ""
    metadata: bool = False
    future: bool = False
    fields: str = ""
    page: int = 500


class GoneError(Exception):
    """The version to go on from is too old: list again."""


class Reader:
    """Asks for the objects of one source. Methods raise GoneError or one of ERRORS."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.version = ""
        """From which to follow, once all objects have been read."""
        self._api: client.ApiClient | None = None

    def objects(self) -> Iterator[Json]:
        """Yield all objects, a page at a time."""
        going_on = None
        while going_on != "":
            # No resourceVersion=0: for it the server ignores the limit, and sends all at once.
            query = [("limit", str(self.source.page))]
            page = self._page([*query, *([("continue", going_on)] if going_on else [])])
            going_on = page["metadata"].get("continue") or ""
            version = page["metadata"]["resourceVersion"]
            yield from page.get("items") or ()
            del page  # before the next one is read
        self.version = version

    def skip(self) -> None:
        """Take the version of now without reading what is there."""
        self.version = self._page([("limit", "1")])["metadata"]["resourceVersion"]

    def stream(self) -> urllib3.HTTPResponse:
        """Open the stream of changes since ``version``; the caller closes it."""
        query = [
            ("watch", "true"), ("allowWatchBookmarks", "true"),
            ("resourceVersion", self.version), ("timeoutSeconds", str(_WATCH_SECONDS)),
        ]  # fmt: skip
        return self._get(query, "", _SILENCE)

    def _page(self, query: list[tuple[str, str]]) -> Json:
        found: Json = json.loads(self._get(query, "List").data)
        return found

    def _get(
        self, query: list[tuple[str, str]], kind: str, read: float = _READ
    ) -> urllib3.HTTPResponse:
        if self._api is None:
            self._api = connection()
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


def was_answered(error: Exception) -> bool:
    """Whether it is the API server that said no."""
    return isinstance(error, client.ApiException)


def problem(error: Exception) -> str:
    """Return what went wrong in a few words that show no content of the cluster."""
    if isinstance(error, client.ApiException):
        return f"HTTP {error.status} {error.reason}"
    if isinstance(error, config.ConfigException):
        return " ".join(str(error).split()).rstrip(".")
    if isinstance(error, yaml.YAMLError):
        return "the kubeconfig is not YAML"
    return type(getattr(error, "reason", None) or error).__name__
