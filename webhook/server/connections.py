"""Limits on connections: their number, idle time, and size of headers.

Anyone in the cluster can open idle connections or send endless headers. The API server sends a
request immediately and reuses connections. The only importer of uvicorn's parts.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from webhook.config.client_certificates import Clients

MOST = 600
"""Connections at the same time. Each takes about 50 KiB."""
SILENCE = 5.0
"""Seconds from the first byte of a request, or from the connection, until its headers are there."""
HEADERS = 64 * 1024
"""Bytes of the headers of one request."""
HANDSHAKE = 5.0
"""Seconds of a TLS handshake."""


class Loop(uvloop.Loop):
    """An event loop whose servers give up on slow TLS handshakes; by default they wait a minute."""

    # Any: uvloop's own signature, of twenty keywords that are handed on.
    async def create_server(self, *arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401
        """Return the server."""
        if keywords.get("ssl") is not None:
            keywords["ssl_handshake_timeout"] = HANDSHAKE
        return await super().create_server(*arguments, **keywords)


class Gate:
    """All connections in the order in which they came; one too many costs one that is idle."""

    def __init__(
        self, closed: Callable[[str], None] = lambda _: None, *,
        most: int = MOST, silence: float = SILENCE, clients: Clients | None = None,
    ) -> None:  # fmt: skip
        self._closed = closed
        self._most = most
        self._clients = clients
        self.silence = silence
        self._waiting: dict[Connection, None] = {}  # never asked anything
        self._idle: dict[Connection, None] = {}  # between two requests
        self._busy: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._idle) + len(self._busy)

    def opened(self, connection: "Connection") -> None:
        """Take account of a new one."""
        self._waiting[connection] = None
        if self._clients and not self._clients.are_of(
            connection.transport.get_extra_info("peercert")
        ):
            self.close(connection, "stranger")
        elif len(self) > self._most:
            self.close(next(iter(self._waiting if len(self._waiting) > 1 or not self._idle
                                 else self._idle)), "crowded")  # fmt: skip

    def busy(self, connection: "Connection") -> None:
        """Its request is there."""
        self.forget(connection)
        self._busy.add(connection)

    def idle(self, connection: "Connection") -> None:
        """Its answer is out."""
        self.forget(connection)
        self._idle[connection] = None

    def forget(self, connection: "Connection") -> None:
        """It is gone."""
        self._waiting.pop(connection, None)
        self._idle.pop(connection, None)
        self._busy.discard(connection)

    def close(self, connection: "Connection", reason: str) -> None:
        """End one; ``reason`` is a word for a metric."""
        self._closed(reason)
        self.forget(connection)
        connection.transport.abort()

    def protocol(self) -> type[asyncio.Protocol]:
        """Return the protocol of uvicorn whose connections are kept account of here."""
        return type("Guarded", (Connection,), {"gate": self})


class Connection(HttpToolsProtocol):
    """One connection, closed where its headers do not come in time or do not end."""

    gate: Gate
    _timer: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _in_headers = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn narrows it
        self.gate.opened(self)
        if not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave."""
        self._wait_no_more()
        self.gate.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process received data; close the connection if the headers do not end."""
        if self._in_headers:
            self._header_bytes += len(data)
            if self._timer is None:
                self._wait()
        super().data_received(data)
        if self._in_headers and self._header_bytes > HEADERS:
            self.gate.close(self, "headers")

    def on_headers_complete(self) -> None:
        """Hand the request on."""
        self._wait_no_more()
        self._in_headers, self._header_bytes = False, 0
        self.gate.busy(self)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next are headers."""
        self._in_headers = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Keep the connection for the next request."""
        if not self.transport.is_closing():
            self.gate.idle(self)
        super().on_response_complete()

    def _wait(self) -> None:
        expire = lambda: self.gate.close(self, "silent")  # noqa: E731 -- reads better in one line
        self._timer = self.loop.call_later(self.gate.silence, expire)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
