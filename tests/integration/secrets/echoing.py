"""A server that refuses everything and repeats what it was sent, credentials first."""

import base64
import binascii
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Hostile:
    """HOST:PORT of the server, and the bodies that were sent to it."""

    address: str = ""
    bodies: list[bytes] = field(default_factory=list)


@contextmanager
def serve() -> Iterator[Hostile]:
    """Serve on a free port of loopback to the end of the block."""
    made = Hostile()

    class Handler(BaseHTTPRequestHandler):
        def _refuse(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.bodies.append(body)
            given = self.headers.get("Authorization", "")
            try:
                clear = base64.b64decode(given.removeprefix("Basic "), validate=True)
            except binascii.Error:
                clear = b""
            answer = b" ".join((clear, given.encode(), self.path.encode(), clear))
            self.send_response(401)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        do_GET = do_HEAD = do_POST = do_PUT = _refuse  # noqa: N815 -- the base's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
