"""The outermost edge: an API server of two objects over real HTTP.

What it does about versions, owners of fields and streams was compared with kube-apiserver 1.37.
"""

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

NAMESPACE = "backup"
SECRET = "backup-webhook-ca"
CONFIGURATION = "backup-webhook"
SECRET_PATH = f"/api/v1/namespaces/{NAMESPACE}/secrets/{SECRET}"
HOOKS_PATH = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{CONFIGURATION}"


class RefusedError(Exception):
    """An answer that is no success: its status and reason."""


class Kube:
    """Objects by path. ``before`` is called with method and path ahead of each request."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.requests: list[tuple[str, str, Json]] = []
        self.before: Callable[[str, str], None] = lambda _method, _path: None
        self.refuse: dict[str, int] = {}  # statuses by method
        self.changed = threading.Condition()
        self.streams = 0
        self.closing = False
        self._owners: dict[str, dict[str, str]] = {}
        self._version = 100

    def put(self, path: str, body: Json | None) -> None:
        """Let somebody else write an object, or (None) delete it."""
        with self.changed:
            if body is None:
                self.objects.pop(path, None)
                self._owners.pop(path, None)
                self._version += 1
            else:
                self._store(path, copy.deepcopy(body))
            self.changed.notify_all()

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until a change of some object made it ``true``."""
        with self.changed:
            assert self.changed.wait_for(true, 60)

    def answer(self, method: str, path: str, query: dict[str, str], body: Json, kind: str) -> Json:
        """Return the object after a GET or PATCH; raise RefusedError."""
        with self.changed:
            if method in self.refuse:
                raise RefusedError(self.refuse[method], "Refused")
            found = self.objects.get(path)
            if method == "GET" or (found is None and "merge" in kind):
                if found is None:
                    raise RefusedError(404, "Not Found")
                return found
            version = body.get("metadata", {}).pop("resourceVersion", None)
            if version and (not found or version != found["metadata"]["resourceVersion"]):
                raise RefusedError(409, "Conflict")
            made = copy.deepcopy(found or {})
            if "apply" in kind:
                self._own(path, body, made, query["fieldManager"], force=query["force"] == "true")
            _merge(made, body)
            self._store(path, made)
            self.changed.notify_all()
            return made

    def versions(self, path: str) -> Iterator[tuple[str, Json]]:
        """Give the object as it is, and each time it changes, until closing.

        It counts as a stream from here on: whatever is changed after that is told.
        """
        with self.changed:
            last = copy.deepcopy(self.objects.get(path, {}))
            self.streams += 1
            self.changed.notify_all()
        if last:
            yield "ADDED", last
        while True:
            with self.changed:
                while not self.closing and self.objects.get(path, {}) == last:
                    self.changed.wait()
                now = copy.deepcopy(self.objects.get(path, {}))
            if self.closing:
                return
            yield ("MODIFIED" if now and last else "ADDED" if now else "DELETED"), now or last
            last = now

    def _store(self, path: str, body: Json) -> None:
        self._version += 1
        body.setdefault("metadata", {})["resourceVersion"] = str(self._version)
        self.objects[path] = body

    def _own(self, path: str, body: Json, found: Json, manager: str, *, force: bool) -> None:
        owners = self._owners.setdefault(path, {})
        present = dict(_leaves(found))
        for field, value in _leaves(body):
            other = owners.get(field, manager) != manager and present.get(field) != value
            if other and not force and field in present:
                raise RefusedError(409, "Conflict")
            owners[field] = manager


@contextmanager
def serving(kube: Kube) -> Iterator[str]:
    """Serve on loopback; give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"kube": kube}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        with kube.changed:
            kube.closing = True
            kube.changed.notify_all()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    kube: Kube
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        """Answer a read or a watch."""
        split = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(split.query).items()}
        if query.get("watch", "").lower() == "true":
            self._stream(f"{split.path}/{query['fieldSelector'].removeprefix('metadata.name=')}")
        else:
            self._answer("GET", split.path, query, {})

    def do_PATCH(self) -> None:
        """Answer a write."""
        split = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(split.query).items()}
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.kube.requests.append(("PATCH", split.path, copy.deepcopy(body)))
        self._answer("PATCH", split.path, query, body)

    def _answer(self, method: str, path: str, query: dict[str, str], body: Json) -> None:
        self.kube.before(method, path)
        status = 200
        try:
            found = self.kube.answer(method, path, query, body, self.headers["Content-Type"] or "")
        except RefusedError as error:
            status, reason = error.args
            # A real one may quote the object that it refuses: so does this one.
            found = {"kind": "Status", "reason": reason, "message": json.dumps(body)}
        text = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _stream(self, path: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for kind, found in self.kube.versions(path):
                text = json.dumps({"type": kind, "object": found}).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True


def _leaves(value: Json, prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _leaves(item, f"{prefix}/{key}")
        elif key == "webhooks":
            for each in item:
                yield from _leaves(each, f"{prefix}/{key}/{each['name']}")
        elif key not in {"name", "namespace", "apiVersion", "kind", "resourceVersion"}:
            yield f"{prefix}/{key}", item


def _merge(into: Json, body: Json) -> None:
    for key, item in body.items():
        if item is None:
            into.pop(key, None)
        elif isinstance(item, dict):
            _merge(into.setdefault(key, {}), item)
        elif key == "webhooks":
            named = {each["name"]: each for each in into.setdefault(key, [])}
            for each in item:
                _merge(named[each["name"]], each)
        else:
            into[key] = item
