"""The server process: certificate, watches, and a shutdown that drops no request."""

import asyncio
import gc
import signal
import socket
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn

from certs.keeper import Keeper
from webhook import log
from webhook.admission.model import Options
from webhook.cluster.view import Cluster
from webhook.config.client_certificates import AuthorityError
from webhook.config.model import Server
from webhook.coverage.background import BackgroundScan
from webhook.server import app, memory
from webhook.server.connections import Gate
from webhook.server.coverage_metrics import Coverage
from webhook.server.metrics import Metrics

_KEEP_ALIVE = 120  # seconds; the API server keeps idle connections for 90 and reuses them
_WATCHERS = 50  # connections of Prometheus, probes and the like
_LAST_ANSWERS = 20  # seconds for requests that are under way at the end

# Any: what ASGI says of scopes and messages.
_Message = MutableMapping[str, Any]
_Send = Callable[[_Message], Awaitable[None]]
_Receive = Callable[[], Awaitable[_Message]]


def serve(server: Server, options: Options) -> int:
    """Serve until a signal ends it; return the exit status."""
    log.configure()
    # Until uvicorn takes signals over; the first process of a container ignores them by default.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    metrics = Metrics()
    cluster = Cluster(
        server.certificates.namespace, server.prepull, options,
        follow=server.follow, authenticated=server.clients is not None,
    )  # fmt: skip
    metrics.cluster(cluster)
    cluster.start()
    background = BackgroundScan(options, server.coverage)
    if server.coverage:
        metrics.registry.register(Coverage(background))
        background.start()
    clients = server.clients
    keeper = Keeper(server.certificates, prepare=clients.require if clients else lambda _: None)
    metrics.certificates(keeper.status)
    context = keeper.start()
    draining = Draining(server.drain)

    def ready() -> bool:
        with suppress(AuthorityError):  # who was trusted before still is
            if clients and clients.refresh():
                keeper.renew()
        return not draining.begun and cluster.synced and keeper.ready()

    memory.apart()
    # What stands now stays: the collector need not look at it again with every few requests.
    gc.collect()
    gc.freeze()
    application = app.create(options, metrics=metrics, ready=ready, view=cluster)
    gate = Gate(metrics.closed, clients=clients)
    metrics.connections(gate)
    configured = _configured(draining.telling(application), server.address, gate, context)
    beside = None
    if server.metrics:
        watchers = Gate(metrics.closed, most=_WATCHERS)
        watched = app.observed(metrics, ready)
        beside = uvicorn.Server(_configured(watched, server.metrics, watchers))
    _Uvicorn(configured, draining, beside).run()
    keeper.stop()
    background.stop()
    return 0


def _configured(
    application: Callable[..., Awaitable[None]],
    address: tuple[str, int],
    gate: Gate,
    context: ssl.SSLContext | None = None,
) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        host=address[0],
        port=address[1],
        loop="webhook.server.connections:Loop",
        http=gate.protocol(),
        ws="none",
        ssl_context_factory=(lambda _config, _default: context) if context else None,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_LAST_ANSWERS,
        lifespan="off",
        log_config=None,
        server_header=False,
    )


class Draining:
    """The shutdown period: not ready any more, but still serving.

    Until every node has heard that this pod is leaving, requests still arrive. Each answer then
    asks its sender to connect again, to another replica.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: float | None = None

    @property
    def begun(self) -> bool:
        """Whether the signal has come."""
        return self._ends is not None

    @property
    def over(self) -> bool:
        """Whether it is time to stop."""
        return self._ends is not None and time.monotonic() >= self._ends

    def begin(self) -> None:
        """Begin, unless it has."""
        self._ends = self._ends or time.monotonic() + self._seconds

    def telling(
        self, application: Callable[..., Awaitable[None]]
    ) -> Callable[..., Awaitable[None]]:
        """Wrap an ASGI application so that its answers close their connection meanwhile."""

        async def told(scope: _Message, receive: _Receive, send: _Send) -> None:
            async def closing(message: _Message) -> None:
                if message["type"] == "http.response.start" and self.begun:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
                await send(message)

            await application(scope, receive, closing)

        return told


class _Uvicorn(uvicorn.Server):
    """The admission server; the server ``beside`` it runs as long."""

    def __init__(
        self, config: uvicorn.Config, draining: Draining, beside: uvicorn.Server | None
    ) -> None:
        super().__init__(config)
        self._draining = draining
        self._beside = beside

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        async with asyncio.TaskGroup() as tasks:
            if self._beside:
                # Not its `serve`: that would take the signals over.
                tasks.create_task(self._beside._serve())  # noqa: SLF001 -- uvicorn has no other way
            await super().serve(sockets)
            if self._beside:
                self._beside.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # SIGINT comes from a terminal, and a second SIGTERM from a user in a hurry.
        if sig == signal.SIGTERM and not self._draining.begun:
            self._draining.begin()
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        self.should_exit = self.should_exit or self._draining.over
        return await super().on_tick(counter)
