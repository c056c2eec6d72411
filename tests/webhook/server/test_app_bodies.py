"""Bodies that are too large, come in pieces or break off."""

import asyncio
import http.client
import socket
import threading
from collections.abc import Iterator

import orjson
import pytest
import uvicorn

from tests.webhook.admitting import Json
from tests.webhook.server.http_calls import JSON, application, call, refusal, verdict
from webhook.server import bodies, memory

MIB = 1024 * 1024


def _padded(asked: Json, size: int) -> bytes:
    asked["request"]["padding"] = ""
    bare = len(orjson.dumps(asked))
    asked["request"]["padding"] = "x" * (size - bare)
    body = orjson.dumps(asked)
    assert len(body) == size
    return body


def _chunks(body: bytes, size: int = MIB) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def test_a_body_up_to_the_limit_is_answered(asked: Json) -> None:
    answer = call(application(), body=_padded(asked, 7 * MIB))

    assert verdict(answer)["auditAnnotations"] == {"reason": "injected"}


@pytest.mark.parametrize("size", [7 * MIB + 1, 20 * MIB])
def test_a_larger_body_is_refused_in_one_line(asked: Json, size: int) -> None:
    answer = call(application(), body=_padded(asked, size))

    assert answer.status_code == 413
    assert str(7 * MIB) in refusal(answer)["message"]


def test_a_chunked_body_is_joined(asked: Json) -> None:
    answer = call(application(), body=_chunks(orjson.dumps(asked), 100))

    assert verdict(answer)["auditAnnotations"] == {"reason": "injected"}


def test_the_limit_holds_without_a_content_length(asked: Json) -> None:
    answer = call(application(), body=_chunks(_padded(asked, 8 * MIB)))

    assert answer.status_code == 413
    refusal(answer)


def test_a_refused_body_is_drained_so_that_its_sender_gets_the_response() -> None:
    sent = []

    def pieces() -> Iterator[bytes]:
        for number in range(20):
            sent.append(number)
            yield b"x" * MIB

    assert call(application(), body=pieces()).status_code == 413
    assert len(sent) == 20


def test_an_endless_body_times_out() -> None:
    sent = []

    def pieces() -> Iterator[bytes]:
        for number in range(1000):
            sent.append(number)
            yield b"x" * MIB

    assert call(application(), body=pieces()).status_code == 413
    assert len(sent) < 80


def test_memory_is_released_for_each_body_dropped_for_others() -> None:
    freed: list[int] = []
    budget = bodies.Budget(10, lambda: freed.append(1))
    first, second = bodies.Body(), bodies.Body()
    for body, size in ((first, 8), (second, 6)):
        budget.join(body)
        body.held += size
        budget.grow(size)

    assert (first.held, second.held) == (0, 6), "the one that was begun first"
    assert len(freed) == 1


def test_memory_is_not_released_constantly() -> None:
    now, calls = 0.0, 0

    def count() -> None:
        nonlocal calls
        calls += 1

    trim = memory.Trim(lambda: now, count)
    for _ in range(100):
        trim()
        now += 0.01
    memory.Trim()()

    assert calls == 2


def test_a_client_that_disconnects_is_not_logged_as_an_error() -> None:
    sent: list[Json] = []
    messages: list[Json] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Json:
        return messages.pop(0)

    async def send(message: Json) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "path": "/mutate", "raw_path": b"/mutate", "query_string": b"", "scheme": "https",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8443),
    }  # fmt: skip
    asyncio.run(application()(scope, receive, send))  # type: ignore[arg-type]

    assert sent[0]["status"] == 400
    assert sent[1]["body"].count(b"\n") == 1


@pytest.fixture
def connection() -> Iterator[http.client.HTTPConnection]:
    """A connection to the application in a real server, on this machine only."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(application(), log_config=None, ws="none", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        client = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1], timeout=30)
        try:
            yield client
        finally:
            client.close()
            server.should_exit = True
            thread.join(30)
    assert not thread.is_alive()


def test_the_connection_stays_open_after_a_refusal(
    asked: Json, connection: http.client.HTTPConnection
) -> None:
    """Answered before the body is read, the sender would see a reset instead of the reason."""
    connection.request("POST", "/mutate", body=b"x" * (20 * MIB), headers=JSON)
    refused = connection.getresponse()
    line = refused.read()
    connection.request("POST", "/mutate", body=orjson.dumps(asked), headers=JSON)
    answered = connection.getresponse()

    assert refused.status == 413
    assert line.count(b"\n") == 1
    assert answered.status == 200
    assert orjson.loads(answered.read())["response"]["allowed"] is True


def test_a_chunked_body_over_a_real_connection_is_limited(
    asked: Json, connection: http.client.HTTPConnection
) -> None:
    body = _chunks(_padded(asked, 8 * MIB))
    connection.request("POST", "/mutate", body=body, headers=JSON, encode_chunked=True)
    refused = connection.getresponse()

    assert refused.status == 413
    assert refused.read().count(b"\n") == 1
