"""All bodies together take no more than their budget, and none takes for ever."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from webhook.server import bodies
from webhook.server.bodies import Body, Budget, RefusedError

MIB = 1 << 20


class _Request:
    """A request whose body comes as somebody else decides."""

    def __init__(self) -> None:
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def stream(self) -> AsyncIterator[bytes]:
        while (chunk := await self.chunks.get()) is not None:
            yield chunk


def _begin(budget: Budget) -> tuple[_Request, "asyncio.Task[bytes]"]:
    request = _Request()
    task = asyncio.create_task(Body().receive(request, budget))  # type: ignore[arg-type]  # as one
    return request, task


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def _refusal(task: "asyncio.Task[bytes]") -> int:
    error = task.exception()
    assert isinstance(error, RefusedError)
    return error.status


def test_the_oldest_unfinished_body_is_dropped_for_a_new_one() -> None:
    async def flood() -> None:
        budget = Budget(3 * MIB)
        slow = [_begin(budget) for _ in range(3)]
        for request, _ in slow:
            await request.chunks.put(b"x" * MIB)
        await _settled()
        new, answer = _begin(budget)
        await new.chunks.put(b"y" * MIB)
        await new.chunks.put(None)
        assert await answer == b"y" * MIB
        for request, _ in slow:
            await request.chunks.put(None)
        await asyncio.wait([task for _, task in slow])
        assert _refusal(slow[0][1]) == 503
        assert [len(task.result()) for _, task in slow[1:]] == [MIB, MIB]

    asyncio.run(flood())


def test_a_finished_body_frees_its_memory() -> None:
    async def one_after_the_other() -> None:
        budget = Budget(MIB)
        for _ in range(10):
            request, task = _begin(budget)
            await request.chunks.put(b"x" * MIB)
            await request.chunks.put(None)
            assert len(await task) == MIB

    asyncio.run(one_after_the_other())


@pytest.mark.parametrize("end", ["too large", "cancelled", "refused for another reason"])
def test_a_dropped_body_frees_its_memory(end: str) -> None:
    async def given_up() -> None:
        budget = Budget(8 * MIB)
        request, body = _Request(), Body()
        if end == "refused for another reason":
            body.refuse(415, "no")
        task = asyncio.create_task(body.receive(request, budget))  # type: ignore[arg-type]  # as one
        await request.chunks.put(b"x" * bodies.LIMIT)
        if end == "too large":
            await request.chunks.put(b"x")
        await _settled()
        if end == "cancelled":
            task.cancel()
        await request.chunks.put(None)
        await asyncio.wait([task])
        other, answer = _begin(budget)
        await other.chunks.put(b"y" * bodies.LIMIT)
        late, second = _begin(budget)
        await late.chunks.put(b"z" * MIB)
        for each in (other, late):
            await each.chunks.put(None)
        assert (len(await answer), len(await second)) == (bodies.LIMIT, MIB)

    asyncio.run(given_up())


def test_an_unfinished_body_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.05)

    async def stalled() -> None:
        request, task = _begin(Budget())
        await request.chunks.put(b"{")
        await asyncio.wait([task])
        assert _refusal(task) == 408

    asyncio.run(stalled())
