"""Request bodies: each limited in size and time, all together by one budget.

Anyone in the cluster can send endless bodies. The oldest unfinished body is dropped first: the API
server sends a review immediately.
"""

import asyncio
from collections.abc import Callable

from starlette.requests import Request

from webhook.server import memory

LIMIT = 7 * 1024 * 1024
"""Bytes of one body, above what etcd can hold of a pod and its old object."""
BUDGET = 16 * 1024 * 1024
"""Bytes of all bodies that are being received."""
SECONDS = 30.0
"""In which a body has to come: the longest that an API server waits for an answer."""
_DRAIN_LIMIT = 64 * 1024 * 1024  # a refused body is read this far, or its sender sees a reset


class RefusedError(Exception):
    """The call itself is wrong; ``status`` is the HTTP answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Budget:
    """The memory that bodies may take, shared by all that are being received."""

    def __init__(self, most: int = BUDGET, freed: Callable[[], None] | None = None) -> None:
        self._most = most
        self._freed = freed or memory.Trim()
        self._held: dict[Body, None] = {}  # in the order in which they began
        self._total = 0

    def join(self, body: "Body") -> None:
        """Take account of a body that begins."""
        self._held[body] = None

    def grow(self, size: int) -> None:
        """Count ``size`` bytes more; drop the oldest bodies where that is too much."""
        self._total += size
        while self._total > self._most and self._held:
            oldest = next(iter(self._held))
            self.leave(oldest)
            oldest.refuse(503, "too many bodies are being received; try again")
            self._freed()

    def leave(self, body: "Body") -> None:
        """Take no more account of a body."""
        if body in self._held:
            del self._held[body]
            self._total -= body.held


class Body:
    """One body as it arrives; a refused one is read on and not kept."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._refusal: RefusedError | None = None
        self.held = 0

    def refuse(self, status: int, message: str) -> None:
        """Keep nothing more of it; the first reason counts."""
        self._refusal = self._refusal or RefusedError(status, message)
        self._chunks, self.held = [], 0

    async def receive(self, request: Request, budget: Budget) -> bytes:
        """Return all of it. Raises RefusedError, and starlette's ClientDisconnect."""
        budget.join(self)
        try:
            async with asyncio.timeout(SECONDS):
                await self._read(request, budget)
        except TimeoutError:
            raise RefusedError(408, f"the body did not arrive within {SECONDS:.0f} s") from None
        finally:
            budget.leave(self)
        if self._refusal is not None:
            raise self._refusal
        return b"".join(self._chunks)

    async def _read(self, request: Request, budget: Budget) -> None:
        seen = 0
        async for chunk in request.stream():
            seen += len(chunk)
            if seen > LIMIT and self._refusal is None:
                budget.leave(self)
                self.refuse(413, f"the body is larger than {LIMIT} bytes")
            if seen > _DRAIN_LIMIT:
                return
            if self._refusal is None:
                self._chunks.append(chunk)
                self.held += len(chunk)
                budget.grow(len(chunk))
