"""Strangers open connections, send headers and bodies without end: others are answered as ever."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from demo.server import Json, Webhook, running
from webhook import bodies, connections

_MEMORY = 160  # MiB, of the chart's 256
_POD: Json = {
    "metadata": {"name": "wiki", "annotations": {"backup.enabled": "true"}},
    "spec": {
        "containers": [{"name": "c", "volumeMounts": [{"name": "d", "mountPath": "/d"}]}],
        "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}],
    },
}
_POST = b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_MANY, _BODIES = 500, 40
_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # of strangers, who do not mind whom they reach
_CONTEXT.check_hostname, _CONTEXT.verify_mode = False, ssl.CERT_NONE


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    with running(tmp_path_factory.mktemp("webhook")) as webhook:
        yield webhook


def _memory(webhook: Webhook) -> int:
    """Return what the process holds, in MiB."""
    status = Path(f"/proc/{webhook.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def _connect(webhook: Webhook, stack: ExitStack) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", webhook.port), 60)
    found = stack.enter_context(_CONTEXT.wrap_socket(plain))
    found.settimeout(60)
    return found


def _silent(webhook: Webhook, stack: ExitStack) -> None:
    for _ in range(_MANY):
        _connect(webhook, stack)


def _not_even_a_handshake(webhook: Webhook, stack: ExitStack) -> None:
    for _ in range(_MANY):
        stack.enter_context(socket.create_connection(("127.0.0.1", webhook.port), 60))


def _headers_byte_by_byte(webhook: Webhook, stack: ExitStack) -> None:
    slow = [_connect(webhook, stack) for _ in range(100)]
    for letter in _POST[:20]:
        for each in slow:
            with suppress(OSError):
                each.send(bytes([letter]))


def _headers_without_end(webhook: Webhook, stack: ExitStack) -> None:
    line = b"X-More: " + b"x" * 8000 + b"\r\n"
    for _ in range(20):
        each = _connect(webhook, stack)
        with suppress(OSError):
            each.send(_POST)
            for _ in range(1000):
                each.sendall(line)


def _unfinished_bodies(webhook: Webhook, stack: ExitStack) -> None:
    size = bodies.LIMIT - 16
    for _ in range(_BODIES):
        each = _connect(webhook, stack)
        each.sendall(_POST + b"Content-Length: %d\r\n\r\n" % size)
        with suppress(OSError):
            each.sendall(b" " * (size - 1))


FLOODS = [
    _silent, _not_even_a_handshake, _headers_byte_by_byte, _headers_without_end,
    _unfinished_bodies,
]  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS, ids=[each.__name__.strip("_") for each in FLOODS])
def test_others_are_answered_in_the_middle_of_it(
    served: Webhook, flood: Callable[[Webhook, ExitStack], None]
) -> None:
    with ExitStack() as stack:
        flood(served, stack)

        answer, patched = served.review(_POD, "wiki")

        assert answer["auditAnnotations"] == {"reason": "injected"}
        assert len(patched["spec"]["initContainers"]) == 1
        assert _memory(served) < _MEMORY


@pytest.mark.parametrize("sent", [b"", _POST[:10], _POST], ids=["nothing", "a word", "most"])
def test_a_connection_that_does_not_ask_is_closed(served: Webhook, sent: bytes) -> None:
    with ExitStack() as stack:
        each = _connect(served, stack)
        if sent:
            each.sendall(sent)
        began = time.monotonic()

        with suppress(ConnectionResetError):
            assert each.recv(1) == b""

        assert time.monotonic() - began >= connections.SILENCE / 2


def _healthy(connection: ssl.SSLSocket) -> None:
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    heard = b""
    while not heard.endswith(b"ok\n"):
        chunk = connection.recv(1000)
        assert chunk, "it was closed"
        heard += chunk


def test_one_that_was_used_is_kept_for_the_next_request(served: Webhook) -> None:
    """As API servers do, for longer than a silent one is let be."""
    with ExitStack() as stack:
        used, silent = _connect(served, stack), _connect(served, stack)
        _healthy(used)
        with suppress(ConnectionResetError):
            assert silent.recv(1) == b""  # a time later that would have ended the other too

        _healthy(used)

    assert 'closed_connections_total{reason="silent"}' in served.metrics()
