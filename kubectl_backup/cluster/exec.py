"""A command in a pod, as the API server streams it; the only importer of websocket."""

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import websocket

from contract.secret import redaction

_CONNECT = 5.0  # seconds
_STDOUT, _STDERR, _END = 1, 2, 3
_PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"]
_SAID = 4096  # bytes of a command's errors that are kept


class BrokenError(Exception):
    """The connection or the command broke off."""


class SilentError(Exception):
    """No output arrived for too long."""


class RefusedError(Exception):
    """The API server refused to run the command."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


@dataclass(slots=True)
class Answer:
    """The exit status and the output of a command in a pod."""

    code: int = 0
    out: bytes = b""
    err: bytes = b""

    @property
    def said(self) -> str:
        """The last line of its errors, without the credentials that addresses may have."""
        lines = self.err.decode("utf-8", "replace").strip().splitlines()
        return redaction.redact(_message(lines[-1])) if lines else ""


def _message(line: str) -> str:
    """Return the text of an error that restic wrote as JSON, or the line itself."""
    try:
        return str(json.loads(line)["message"]).strip().splitlines()[0]
    except (ValueError, KeyError, TypeError, IndexError):
        return line


@dataclass(slots=True)
class Running:
    """A command that runs in a pod; ``end`` is complete once all of its output is read."""

    chunks: Iterator[bytes]
    end: Answer = field(default_factory=Answer)


def output(
    url: str,
    headers: Mapping[str, str],
    tls: ssl.SSLContext,
    proxy: str,
    silence: float | None,
    end: Answer,
) -> Iterator[bytes]:
    """Run a command by opening ``url``; yield its output, and record its end in ``end``."""
    try:
        socket = _connected(url, headers, tls, proxy)
        try:
            socket.settimeout(silence)
            yield from _take(socket, end)
        finally:
            # Without a closing handshake: the command has ended, or its output is not wanted.
            socket.shutdown()  # type: ignore[no-untyped-call]
    except websocket.WebSocketBadStatusException as error:
        raise RefusedError(error.status_code, error.resp_body or b"") from error
    except (websocket.WebSocketTimeoutException, TimeoutError) as error:
        raise SilentError from error
    except websocket.WebSocketException as error:
        raise BrokenError(str(error)) from error


def _connected(
    url: str, headers: Mapping[str, str], tls: ssl.SSLContext, proxy: str
) -> websocket.WebSocket:
    lines = [f"{key}: {value}" for key, value in headers.items() if key == "authorization"]
    options: dict[str, Any] = {"timeout": _CONNECT, "header": lines, "subprotocols": _PROTOCOLS}
    if proxy:
        parts = urlsplit(proxy)
        options |= {"http_proxy_host": parts.hostname, "http_proxy_port": parts.port}
    found = websocket.WebSocket(sslopt={"context": tls})
    found.connect("ws" + url.removeprefix("http"), **options)  # type: ignore[no-untyped-call]
    return found


def _take(socket: websocket.WebSocket, end: Answer) -> Iterator[bytes]:
    """Yield what a command writes to standard output; record its errors and its end."""
    while True:
        opcode, frame = socket.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise BrokenError("the connection ended before the command did; try again")
        channel, data = (frame[0], frame[1:]) if frame else (0, b"")
        if channel == _STDOUT and data:
            yield data
        elif channel == _STDERR:
            end.err = (end.err + data)[-_SAID:]
        elif channel == _END:
            end.code = _code(json.loads(data))
            return


def _code(status: dict[str, Any]) -> int:
    if status.get("status") == "Success":
        return 0
    causes = (status.get("details") or {}).get("causes") or ()
    for cause in causes:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise BrokenError(f"the command cannot be run: {status.get('message', 'no reason given')}")
