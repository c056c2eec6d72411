"""Strangers open connections, send headers and bodies without end: others are answered as ever."""

import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from demo.server import Json, Webhook, running
from tests.integration.webhook import floods
from webhook.server import connections

_MEMORY = 160  # MiB, of the chart's 256
_POD: Json = {
    "metadata": {"name": "wiki", "annotations": {"backup.enabled": "true"}},
    "spec": {
        "containers": [{"name": "c", "volumeMounts": [{"name": "d", "mountPath": "/d"}]}],
        "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}],
    },
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    with running(tmp_path_factory.mktemp("webhook")) as webhook:
        yield webhook


def _memory(webhook: Webhook) -> int:
    """Return what the process holds, in MiB."""
    status = Path(f"/proc/{webhook.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


@pytest.mark.parametrize("flood", floods.ALL, ids=floods.name)
def test_other_clients_get_responses_during_a_flood(served: Webhook, flood: floods.Flood) -> None:
    with ExitStack() as stack:
        flood(served.port, stack)

        answer, patched = served.review(_POD, "wiki")

        assert answer["auditAnnotations"] == {"reason": "injected"}
        assert len(patched["spec"]["initContainers"]) == 1
        assert _memory(served) < _MEMORY


@pytest.mark.parametrize(
    "sent", [b"", floods.POST[:10], floods.POST], ids=["nothing", "a word", "most"]
)
def test_a_connection_without_a_request_is_closed(served: Webhook, sent: bytes) -> None:
    with ExitStack() as stack:
        each = floods.connect(served.port, stack)
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


def test_a_used_connection_is_kept_for_the_next_request(served: Webhook) -> None:
    """As API servers do, for longer than a silent one is let be."""
    with ExitStack() as stack:
        used, silent = floods.connect(served.port, stack), floods.connect(served.port, stack)
        _healthy(used)
        with suppress(ConnectionResetError):
            assert silent.recv(1) == b""  # a time later that would have ended the other too

        _healthy(used)

    assert 'closed_connections_total{reason="silent"}' in served.metrics()
