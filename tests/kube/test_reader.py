"""What is asked of an API server, over real HTTP, and what its answers lead to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from kubernetes import client

from kube.errors import GoneError
from kube.reader import Json, Reader, Source
from kube.watch import Reflector

PODS = Source("/api/v1/pods", "backup.injected=true", page=2, fields="spec.nodeName=one")


@dataclass
class Script:
    """Answers in order, of lists and of streams: a status, or bytes in pieces; then silence."""

    lists: list[Any]
    streams: list[Any] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


def _pod(name: str, version: str) -> Json:
    return {"metadata": {"name": name, "resourceVersion": version}}


def _page(*names: str, go_on: str = "", version: str = "7") -> bytes:
    meta = {"resourceVersion": version, "continue": go_on}
    return json.dumps({"metadata": meta, "items": [_pod(name, version) for name in names]}).encode()


def _event(kind: str, version: str, **more: object) -> bytes:
    return json.dumps({"type": kind, "object": {**_pod("a", version), **more}}).encode() + b"\n"


@contextmanager
def _serving(script: Script) -> Iterator[Callable[[], client.ApiClient]]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

        def do_GET(self) -> None:
            """Give the next answer."""
            query = {key: text for key, (text,) in parse_qs(urlsplit(self.path).query).items()}
            script.asked.append(query)
            script.accepted.append(self.headers["Accept"])
            left = script.streams if "watch" in query else script.lists
            if not left:
                script.over.wait(30)
                self.close_connection = True
                return
            answer = left.pop(0)
            self.send_response(answer if isinstance(answer, int) else 200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            pieces = answer if isinstance(answer, list) else [answer]
            for piece in (*(each for each in pieces if isinstance(each, bytes)), b""):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    configuration = client.Configuration(host=f"http://127.0.0.1:{server.server_address[1]}")
    configuration.retries = False
    try:
        yield lambda: client.ApiClient(configuration)
    finally:
        script.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Heard:
    """What a listener got, and what was reported."""

    events: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    happened: threading.Condition = field(default_factory=threading.Condition)

    def replace(self, objects: Iterator[Json]) -> None:
        self._add("all: " + " ".join(each["metadata"]["name"] for each in objects))

    def change(self, found: Json, event: str) -> None:
        self._add(f"{event} {found['metadata']['resourceVersion']}")

    def listen(self, listening: bool) -> None:
        self._add("up" if listening else "down")

    def report(self, _watch: str, problem: str) -> None:
        self.problems.append(problem)

    def until(self, event: str, times: int = 1) -> None:
        with self.happened:
            assert self.happened.wait_for(lambda: self.events.count(event) >= times, 30), self

    def _add(self, event: str) -> None:
        with self.happened:
            self.events.append(event)
            self.happened.notify_all()


def _watched(script: Script, until: str, times: int = 1) -> Heard:
    """Watch until an event was heard; return what was."""
    heard = Heard()
    with _serving(script) as connect:
        watch = Reflector("pods", Reader(PODS, connect), heard, heard.report)
        watch.start()
        heard.until(until, times)
        watch.close()
        script.over.set()
        watch.join(30)
    return heard


def test_all_pages_are_read_with_every_selector() -> None:
    script = Script([_page("a", "b", go_on="more", version="5"), _page("c")])

    with _serving(script) as connect:
        reader = Reader(PODS, connect)
        names = [each["metadata"]["name"] for each in reader.objects()]

    selectors = {"labelSelector": "backup.injected=true", "fieldSelector": "spec.nodeName=one"}
    assert names == ["a", "b", "c"]
    assert script.asked == [
        {"limit": "2", **selectors},
        {"limit": "2", "continue": "more", **selectors},
    ]
    assert reader.version == "7"


@pytest.mark.parametrize(("metadata", "kind"), [(True, "PartialObjectMetadataList"), (False, "")])
def test_specs_are_left_out_where_only_metadata_is_requested(kind: str, *, metadata: bool) -> None:
    script = Script([_page("a")])

    with _serving(script) as connect:
        list(Reader(Source("/api/v1/namespaces", metadata=metadata), connect).objects())

    assert (kind in script.accepted[0]) == (not kind or metadata)
    assert ("as=PartialObjectMetadata" in script.accepted[0]) is metadata
    assert "labelSelector" not in script.asked[0]


def test_an_expired_resource_version_is_distinguished_from_other_errors() -> None:
    script = Script([410, 404])

    with _serving(script) as connect:
        reader = Reader(PODS, connect)
        with pytest.raises(GoneError):
            list(reader.objects())
        with pytest.raises(client.ApiException) as refused:
            list(reader.objects())

    assert refused.value.status == 404


def test_a_watch_resumes_where_its_stream_ended_and_forwards_no_bookmark() -> None:
    added, modified = _event("ADDED", "8"), _event("MODIFIED", "9")
    first = [added[:10], added[10:] + modified[:5], modified[5:], _event("BOOKMARK", "12")]
    script = Script([_page("a", "b")], [first, [_event("DELETED", "13")]])

    heard = _watched(script, "DELETED 13")

    assert heard.events[:6] == ["all: a b", "up", "ADDED 8", "MODIFIED 9", "down", "up"]
    versions = [each["resourceVersion"] for each in script.asked if "watch" in each]
    assert versions[:2] == ["7", "12"]
    assert heard.problems == []


@pytest.mark.parametrize("gone", [[_event("ERROR", "0", code=410)], 410], ids=["event", "answer"])
def test_all_objects_are_listed_again_after_an_expired_resource_version(gone: object) -> None:
    script = Script([_page("a"), _page("a", "b", version="20")], [gone])

    heard = _watched(script, "all: a b")

    assert "ERROR 0" not in heard.events
    assert [each for each in heard.events if each.startswith("all")] == ["all: a", "all: a b"]
    assert heard.problems == []


def test_an_error_in_a_stream_is_reported_once_and_is_no_change() -> None:
    broken = [_event("ERROR", "0", code=500)]
    script = Script([_page("a")], [broken, broken, [_event("ADDED", "8")]])

    heard = _watched(script, "ADDED 8")

    assert heard.problems == ["ValueError"]
    assert "ERROR 0" not in heard.events
    assert heard.events.count("all: a") == 1
    assert heard.events[:5] == ["all: a", "up", "down", "up", "down"]
