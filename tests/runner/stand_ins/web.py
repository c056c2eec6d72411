"""A web server on loopback that remembers what it was sent and answers as it is told."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Web:
    """Answers every request with ``status`` and ``answer``; 0 drops the connection."""

    address: str = ""
    scheme: str = "http"
    status: int = 200
    answer: bytes = b""
    location: str = ""  # where an answer sends to, if it does
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://{self.address}"


@contextmanager
def served(context: ssl.SSLContext | None = None) -> Iterator[Web]:
    """Serve while the context lasts, by TLS where there is a context for it."""
    web = Web(scheme="https" if context else "http")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            web.requests.append(Request(self.command, self.path, dict(self.headers), body))
            if not web.status:
                return
            self.send_response(web.status)
            self.send_header("Content-Length", str(len(web.answer)))
            if web.location:
                self.send_header("Location", web.location)
            self.end_headers()
            self.wfile.write(web.answer)

        do_GET = do_POST  # noqa: N815 -- as http.server calls it

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        web.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()
