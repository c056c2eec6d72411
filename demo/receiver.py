"""A real HTTP receiver on loopback, where a Pushgateway and an ntfy server would be."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue


@dataclass(frozen=True, slots=True)
class Received:
    """One POST as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Everything that was posted, in order; ``status`` is what it answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        self.all: list[Received] = []
        self.arrivals: Queue[Received] = Queue()

    def metrics(self) -> dict[str, float]:
        """Return the last value of each series, by its text form."""
        values: dict[str, float] = {}
        for received in self.all:
            if received.path.startswith("/metrics/"):
                for line in received.body.decode().splitlines():
                    if not line.startswith("#"):
                        series, _, value = line.rpartition(" ")
                        values[series] = float(value)
        return values


@contextmanager
def running() -> Iterator[Receiver]:
    """Receive on a free port of loopback until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            received = Received(self.path, dict(self.headers.items()), body)
            receiver.all.append(received)
            receiver.arrivals.put(received)
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
