"""A proxy on loopback: tunnels by CONNECT and plain requests, whatever their host, to loopback.

So a name that nobody knows is reached through it, and only through it.
"""

import base64
import http.client
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(slots=True)
class Proxy:
    """``requests`` are methods and targets as they came; ``login`` is what it asks for, or ""."""

    address: str = ""
    login: str = ""
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.address}"


@contextmanager
def running() -> Iterator[Proxy]:
    """Run one while the context lasts."""
    proxy = Proxy()

    class Handler(BaseHTTPRequestHandler):
        def _admits(self) -> bool:
            proxy.requests.append(f"{self.command} {self.path}")
            login = f"Basic {base64.b64encode(proxy.login.encode()).decode()}"
            if not proxy.login or self.headers.get("Proxy-Authorization") == login:
                return True
            self.send_response(407)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False

        def do_CONNECT(self) -> None:
            if not self._admits():
                return
            port = int(self.path.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port)) as other:
                self.send_response(200)
                self.end_headers()
                _relay(self.connection, other)
            self.close_connection = True

        def do_POST(self) -> None:
            if not self._admits():
                return
            target = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            onward = http.client.HTTPConnection("127.0.0.1", target.port, timeout=20)
            headers = {k: v for k, v in self.headers.items() if not k.startswith("Proxy-")}
            onward.request(self.command, target.path, body, headers)
            answer = onward.getresponse()
            content = answer.read()
            onward.close()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        proxy.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Hand bytes on in both directions until one side ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        with suppress(OSError):
            while True:
                for key, _ in selector.select():
                    source: socket.socket = key.fileobj  # type: ignore[assignment] # as registered
                    if not (chunk := source.recv(1 << 16)):
                        return
                    key.data.sendall(chunk)
