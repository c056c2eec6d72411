"""A stand-in for the API server: pods, and commands in them that answer as they are told."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket

from tests.kubectl_backup.pods import Json

_PROTOCOL = "v5.channel.k8s.io"
_JSON = "application/json"
_TYPES = {"PATCH": "application/merge-patch+json"}


@dataclass(frozen=True)
class Ran:
    """What a command writes, and how it ends; ``code`` None: it never does.

    ``lasts``: until whoever listens goes away.
    """

    out: bytes = b""
    err: bytes = b""
    code: int | None = 0
    lasts: bool = False


@dataclass
class Api:
    """``objects`` by path: what GET finds, lists with ``items``; ``commands`` and ``logs`` by pod.

    ``by_word`` are commands by their first word, or by the two after it, whatever the pod.
    ``answers`` by path: what a POST gives back. ``refused`` by path: an HTTP status. ``delay``:
    seconds that each command takes. ``asked`` are the requests that change something, with their
    bodies; ``read`` the paths that were read; ``ran`` the commands. A log is of ``pod``, or of
    ``pod/container``; its texts are written as they are.
    """

    objects: dict[str, Json] = field(default_factory=dict)
    commands: dict[str, Ran] = field(default_factory=dict)
    logs: dict[str, Sequence[Json | str]] = field(default_factory=dict)
    by_word: dict[str, Ran] = field(default_factory=dict)
    answers: dict[str, Json] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    delay: float = 0
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    ran: list[tuple[str, list[str]]] = field(default_factory=list)

    def application(self) -> FastAPI:
        """Return what serves this."""
        made = FastAPI()

        @made.websocket("/api/v1/namespaces/{namespace}/pods/{pod}/exec")
        async def execute(socket: WebSocket, namespace: str, pod: str) -> None:
            del namespace
            words = socket.query_params.getlist("command")
            self.ran.append((pod, words))
            await socket.accept(subprotocol=_PROTOCOL)
            await asyncio.sleep(self.delay)
            found = self.commands.get(pod, Ran(code=1))
            for word in (words[0], " ".join(words[1:3])):
                found = self.by_word.get(word, found)
            for start in range(0, len(found.out), 4000):
                await socket.send_bytes(b"\x01" + found.out[start : start + 4000])
            await socket.send_bytes(b"\x02" + found.err)
            if found.lasts:
                await socket.receive()
                return
            if found.code is not None:
                await socket.send_bytes(b"\x03" + json.dumps(_ended(found.code)).encode())
            await socket.close()

        @made.get("/api/v1/namespaces/{namespace}/pods/{pod}/log")
        async def log(namespace: str, pod: str, request: Request) -> Response:
            if request.url.path in self.refused:
                return _json({"message": "forbidden"}, self.refused[request.url.path])
            await asyncio.sleep(self.delay)
            del namespace
            container = request.query_params.get("container", "")
            found = self.logs.get(f"{pod}/{container}", self.logs.get(pod, ()))
            lines = (line if isinstance(line, str) else json.dumps(line) + "\n" for line in found)
            return Response("".join(lines))

        @made.api_route("/{path:path}", methods=["GET", "POST", "PATCH", "DELETE"])
        async def answer(path: str, request: Request) -> Response:
            return self._answer(f"/{path}", request, await request.body())

        return made

    def _answer(self, path: str, request: Request, body: bytes) -> Response:
        changes = request.method != "GET"
        if not changes:
            self.read.append(path)
        if changes:
            self.asked.append((request.method, path, json.loads(body) if body else None))
        if path in self.refused:
            return _json({"message": f"{path} is forbidden"}, self.refused[path])
        if request.headers.get("Content-Type", _JSON) != _TYPES.get(request.method, _JSON):
            return _json({"message": "the body of the request was in an unknown format"}, 415)
        if changes:
            return _json(self.answers.get(path, {}), 200)
        if path not in self.objects:
            return _json({"message": f"{path} not found"}, 404)
        return _json(_page(self.objects[path], request), 200)


def _page(found: Json, request: Request) -> Json:
    """Return a part of a list, as the API server does where there is much."""
    if "items" not in found:
        return found
    limit = int(request.query_params.get("limit", "500"))
    start = int(request.query_params.get("continue") or 0)
    rest = start + limit < len(found["items"])
    meta = {"continue": str(start + limit)} if rest else {}
    return {"metadata": meta, "items": found["items"][start : start + limit]}


def _ended(code: int) -> Json:
    if not code:
        return {"status": "Success"}
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}


def _json(body: Json, status: int) -> Response:
    return Response(json.dumps(body), status, media_type="application/json")


class Served(Protocol):
    """What can be served."""

    def application(self) -> Any:  # noqa: ANN401 -- of whichever framework
        """Return what serves it."""


@contextmanager
def served(api: Served) -> Iterator[str]:
    """Serve it; give its address."""
    application = api.application()
    config = uvicorn.Config(application, port=0, log_level="critical", ws="websockets-sansio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
