"""Another webhook, ours to misbehave: it answers as a test tells it, over real TLS."""

import base64
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jsonpatch
import trustme

from tests.apiserver.api import Api
from tests.apiserver.served import NAME, service
from tests.cluster.settings import NETWORK

Json = dict[str, Any]
Answer = Callable[["Handler", Json], None]


class Handler(BaseHTTPRequestHandler):
    """One request; what becomes of it is the server's ``answer``."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read the review and let the test answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        assert isinstance(server, _Server)
        server.seen += 1
        server.answer(self, json.loads(body))

    def send(self, body: bytes, status: int = 200) -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    answer: Answer
    seen = 0

    def handle_error(self, *_: object) -> None:
        """Pass over connections that the API server gave up."""


def patching(change: Callable[[Json], Json]) -> Answer:
    """Return what answers with the difference that ``change`` makes to a pod."""

    def answer(handler: Handler, review: Json) -> None:
        pod = review["request"]["object"]
        operations = jsonpatch.make_patch(pod, change(json.loads(json.dumps(pod)))).patch
        response: Json = {"uid": review["request"]["uid"], "allowed": True}
        if operations:
            text = base64.b64encode(json.dumps(operations).encode()).decode()
            response |= {"patchType": "JSONPatch", "patch": text}
        handler.send(json.dumps({**review, "request": None, "response": response}).encode())

    return answer


class Other:
    """A running webhook; ``answer`` may be set anew at any time."""

    def __init__(self, server: _Server, bundle: bytes) -> None:
        self._server = server
        self.bundle = base64.b64encode(bundle).decode()

    @property
    def seen(self) -> int:
        """How many requests came."""
        return self._server.seen

    def answers(self, answer: Answer) -> None:
        """Answer so from now on."""
        self._server.answer = answer


@contextmanager
def another(api: Api, name: str, folder: Path) -> Iterator[Other]:
    """Serve until the end of the block behind a Service of this name; nothing is registered."""
    authority = trustme.CA()
    certificate = authority.issue_cert(f"{name}.{NAME}.svc")
    pem = folder / f"{name}.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = _Server((NETWORK.host, 0), Handler)
    server.answer = patching(lambda pod: pod)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    service(api, NAME, name, server.server_port)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Other(server, authority.cert_pem.bytes())
    finally:
        server.shutdown()
        server.server_close()


def registration(name: str, service: str, bundle: str, label: str) -> Json:
    """Return what registers another webhook for pods of namespaces with a label."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": f"{name}.example.net",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {
                "caBundle": bundle, "service": {"name": service, "namespace": NAME},
            },
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "sideEffects": "None",
            "namespaceSelector": {"matchLabels": {label: "true"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                       "resources": ["pods"]}],
        }],
    }  # fmt: skip
