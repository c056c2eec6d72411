"""The outermost edge: an API server that lists objects by the page, over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

Json = dict[str, Any]


class Lists:
    """Objects by path: bytes of JSON each, made when they are asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.objects: dict[str, Callable[[int], bytes]] = {}
        self.numbers: dict[str, int] = {}
        self.refused: dict[str, int] = {}  # statuses by path
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.heard = threading.Condition()

    def put(self, path: str, objects: Sequence[Json]) -> None:
        """Let there be these."""
        made = [json.dumps(each).encode() for each in objects]
        self.objects[path], self.numbers[path] = made.__getitem__, len(made)

    def crowd(self, path: str, number: int, make: Callable[[int], bytes]) -> None:
        """Let there be so many, made one at a time."""
        self.objects[path], self.numbers[path] = make, number

    def wait(self, until: Callable[[], bool]) -> None:
        """Wait for questions until something holds."""
        with self.heard:
            assert self.heard.wait_for(until, 120)

    def page(self, path: str, query: dict[str, str]) -> Iterator[bytes]:
        """Yield an answer, piece by piece."""
        first = int(query.get("continue", "0"))
        end = min(first + int(query.get("limit", "0")), self.numbers[path])
        going_on = str(end) if end < self.numbers[path] else ""
        meta = {"resourceVersion": "7", "continue": going_on}
        yield b'{"metadata":' + json.dumps(meta).encode() + b',"items":['
        for number in range(first, end):
            yield (b"," if number > first else b"") + self.objects[path](number)
        yield b"]}"


@contextmanager
def serving() -> Iterator[Lists]:
    """Serve until the end of the block; there is nothing yet."""
    lists = Lists()
    for path in ("namespaces", "pods", "persistentvolumeclaims"):
        lists.put(f"/api/v1/{path}", [])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            # Before the answer: whoever has it may look at once at what was asked.
            with lists.heard:
                lists.asked.append((parts.path, query))
                lists.heard.notify_all()
            status = lists.refused.get(parts.path, 200)
            body = b"" if status != 200 else b"".join(lists.page(parts.path, query))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    lists.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield lists
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def kubeconfig(folder: Path, url: str) -> Path:
    """Write a kubeconfig that leads to a server."""
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": url}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
        "users": [{"name": "me", "user": {}}],
    }))  # fmt: skip
    return file
