"""A line to a server that breaks as told: an HTTP proxy on loopback, one fault at a time."""

import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_CHUNK = 1 << 14
_LONGEST = 60  # seconds that anything here waits
_OWN = {"connection", "content-length", "expect", "transfer-encoding"}  # headers of one hop
_UPLOADS = {"POST", "PUT"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of a request; without any of these it is passed on.

    ``status`` is answered with ``body`` and ``location``. ``hangs``: nothing happens until the rule
    changes.
    ``endless``: the answer's body has no end. ``reset_after`` bytes of the request's body the
    connection is reset. ``rate`` is in bytes/s of the request's body.
    """

    status: int = 0
    body: bytes = b""
    location: str = ""
    hangs: bool = False
    endless: bool = False
    reset_after: int = -1
    rate: float = 0


WORKS = Fault()
Rule = Callable[[str, str], Fault]


def always(fault: Fault) -> Rule:
    """Return the rule that each request meets this fault."""
    return lambda _method, _path: fault


def on_uploads(fault: Fault, below: str = "") -> Rule:
    """Return the rule that uploads below a path do, and nothing else."""
    return lambda method, path: fault if method in _UPLOADS and below in path else WORKS


def some(count: int, fault: Fault, below: str) -> Rule:
    """Return the rule that the first ``count`` requests below a path meet this fault."""
    before = itertools.count()  # requests come in threads of their own
    return lambda _method, path: fault if below in path and next(before) < count else WORKS


class Line:
    """The proxy; ``rule`` may change at any time. ``seen`` are method and path of each request.

    ``agents`` are the programs that made them, by their own word.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.rule: Rule = always(WORKS)
        self.seen: list[tuple[str, str]] = []
        self.agents: list[str] = []
        self.hanging: list[str] = []  # paths
        self.over = threading.Event()

    def uploads(self, below: str = "") -> int:
        """Return how many uploads below a path were begun."""
        return sum(method in _UPLOADS and below in path for method, path in list(self.seen))


@contextmanager
def to(server: str) -> Iterator[Line]:  # noqa: C901 -- one handler, many faults
    """Run a line to ``server`` (http://HOST:PORT) until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            with suppress(OSError):  # who asks may go away at any time
                super().handle_one_request()
                return
            self.close_connection = True

        def _passes(self) -> None:
            line.seen.append((self.command, self.path))
            line.agents.append(self.headers.get("User-Agent", ""))
            fault = self._fault()
            if fault.reset_after >= 0:
                self.rfile.read(min(fault.reset_after, self._length()))
                self._reset()
            elif fault.status or fault.endless:
                self._body(0)
                self._answer(fault)
            else:
                self._forward(self._body(fault.rate))

        def _fault(self) -> Fault:
            end = time.monotonic() + _LONGEST
            line.hanging.append(self.path)
            try:
                while (fault := line.rule(self.command, self.path)).hangs:
                    if line.over.wait(0.02) or time.monotonic() > end:
                        return Fault(reset_after=0)
            finally:
                line.hanging.remove(self.path)
            return fault

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _passes  # noqa: N815 -- the base's names

        def _length(self) -> int:
            return int(self.headers.get("Content-Length") or 0)

        def _body(self, rate: float) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                return b"".join(iter(self._piece, b""))
            left, parts = self._length(), []
            while left and (part := self.rfile.read(min(left, _CHUNK))):
                left -= len(part)
                parts.append(part)
                if rate:
                    line.over.wait(len(part) / rate)
            return b"".join(parts)

        def _piece(self) -> bytes:
            piece = self.rfile.read(int(self.rfile.readline(), 16))
            self.rfile.readline()
            return piece

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.rfile.close()
            self.connection.close()

        def _answer(self, fault: Fault) -> None:
            self.send_response(fault.status or 200)
            if fault.location:
                self.send_header("Location", fault.location + self.path)
            if not fault.endless:
                self.send_header("Content-Length", str(len(fault.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(fault.body)
            end = time.monotonic() + _LONGEST
            while fault.endless and not line.over.is_set() and time.monotonic() < end:
                self.wfile.write(b"x" * _CHUNK)
                time.sleep(0.01)

        def _forward(self, body: bytes) -> None:
            parts = urlsplit(server)
            connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_LONGEST)
            try:
                connection.putrequest(
                    self.command, self.path, skip_host=True, skip_accept_encoding=True
                )
                for key, value in self.headers.items():
                    if key.lower() not in _OWN:
                        connection.putheader(key, value)
                connection.putheader("Content-Length", str(len(body)))
                connection.endheaders(body)
                answer = connection.getresponse()
                said = answer.read()
            finally:
                connection.close()
            self.send_response_only(answer.status, answer.reason)
            for key, value in answer.getheaders():
                if key.lower() not in {"connection", "transfer-encoding", "content-length"}:
                    self.send_header(key, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else len(said)
            self.send_header("Content-Length", str(length or 0))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing of connections that end early: that is what this is for."""

    running = Server(("127.0.0.1", 0), Handler)
    line = Line(f"http://127.0.0.1:{running.server_port}")
    thread = threading.Thread(target=running.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield line
    finally:
        line.over.set()
        running.shutdown()
        thread.join()
        running.server_close()


@contextmanager
def refused() -> Iterator[str]:
    """Give an address (HOST:PORT) where nobody listens, and nobody else comes to."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{unused.getsockname()[1]}"
