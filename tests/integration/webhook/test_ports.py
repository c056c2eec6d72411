"""Two ports: admission, by client certificate where that is wanted, and metrics for who watches."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import trustme

from demo import app, server
from demo.server import Webhook
from tests.cluster.work import until

_NAME = "kube-apiserver"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Path:
    """The file of authorities, which a test adds to."""
    file = tmp_path_factory.mktemp("clients") / "ca.crt"
    file.write_bytes(authority.cert_pem.bytes())
    return file


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, trusted: Path, authority: trustme.CA
) -> Iterator[Webhook]:
    """The webhook, which answers the API server's certificate alone."""
    shown = authority.issue_cert("10.0.0.1", common_name=_NAME)
    flags = "--client-ca", str(trusted), "--client-names", f"{_NAME},api.example.com"
    folder = tmp_path_factory.mktemp("guarded")
    with server.running(folder, *flags, certificate=shown) as running:
        yield running


def _ask(webhook: Webhook, shown: trustme.LeafCert | None) -> int:
    """Return the status of an answer to somebody with a certificate; 0 where there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if shown is not None:
        shown.configure_cert(context)
    try:
        url = f"https://127.0.0.1:{webhook.port}/healthz"
        return httpx.get(url, verify=context, timeout=60).status_code
    except httpx.TransportError:
        return 0


def test_only_a_client_with_the_certificate_gets_a_response(
    guarded: Webhook, authority: trustme.CA
) -> None:
    past = datetime.now(UTC) - timedelta(minutes=1)
    other = trustme.CA()
    strangers = {
        "none": None,
        "of another authority": other.issue_cert("x.example.com", common_name=_NAME),
        "of another name": authority.issue_cert("x.example.com", common_name="kubelet"),
        "of no name": authority.issue_cert("x.example.com"),
        "expired": authority.issue_cert("x.example.com", common_name=_NAME, not_after=past),
        "of a part of the name": authority.issue_cert("x.example.com", common_name=f"{_NAME}-2"),
        "of an address that looks like it": authority.issue_cert(f"{_NAME}@example.com"),
    }
    known = {
        "common name": authority.issue_cert("x.example.com", common_name=_NAME),
        "DNS name": authority.issue_cert("api.example.com"),
        "of a subordinate": authority.create_child_ca().issue_cert("api.example.com"),
    }

    assert {who: _ask(guarded, shown) for who, shown in strangers.items()} == dict.fromkeys(
        strangers, 0
    )
    assert {who: _ask(guarded, shown) for who, shown in known.items()} == dict.fromkeys(known, 200)


def test_without_names_the_ca_alone_decides(
    tmp_path: Path, trusted: Path, authority: trustme.CA
) -> None:
    shown = authority.issue_cert("x.example.com")
    with server.running(tmp_path, "--client-ca", str(trusted), certificate=shown) as running:
        assert _ask(running, shown) == 200
        assert _ask(running, None) == 0
        assert _ask(running, trustme.CA().issue_cert("x.example.com")) == 0


def test_admission_and_probes_work_unchanged(guarded: Webhook, authority: trustme.CA) -> None:
    answer, _ = guarded.review(app.pod(), "prod")
    probes = f"http://127.0.0.1:{guarded.watched}"

    assert answer["auditAnnotations"] == {"reason": "injected"}
    for path in ("/healthz", "/readyz"):
        assert httpx.get(f"{probes}{path}", timeout=60).text == "ok\n"
    assert _ask(guarded, authority.issue_cert("x.example.com")) == 0
    assert 'closed_connections_total{reason="stranger"}' in guarded.metrics()


def test_an_added_ca_is_trusted_without_a_restart(guarded: Webhook, trusted: Path) -> None:
    """Which the probes of readiness see to."""
    new = trustme.CA()
    shown = new.issue_cert("api.example.com")
    assert _ask(guarded, shown) == 0

    trusted.write_text("not a certificate")
    assert httpx.get(f"http://127.0.0.1:{guarded.watched}/readyz", timeout=60).is_success
    trusted.write_bytes(new.cert_pem.bytes())
    httpx.get(f"http://127.0.0.1:{guarded.watched}/readyz", timeout=60).raise_for_status()

    until(lambda: _ask(guarded, shown) == 200, "the new authority is trusted", 60)


def test_each_port_serves_its_own_and_nothing_else(guarded: Webhook) -> None:
    watched = f"http://127.0.0.1:{guarded.watched}"

    assert guarded.client.get("/metrics").status_code == 404
    assert httpx.post(f"{watched}/mutate", json={}, timeout=60).status_code == 404
    assert guarded.client.get("/healthz").status_code == 200
    assert "backup_webhook_admissions" in guarded.metrics()


def test_silent_connections_to_the_metrics_port_are_bounded(guarded: Webhook) -> None:
    address = "127.0.0.1", guarded.watched
    silent = [socket.create_connection(address, 60) for _ in range(200)]

    assert "backup_webhook_admissions" in guarded.metrics()
    answer, _ = guarded.review(app.pod(), "prod")
    assert answer["auditAnnotations"] == {"reason": "injected"}
    for each in silent:
        with closing(each):
            each.settimeout(60)
            assert _is_closed(each)


def _is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_metrics_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        flag = f"--metrics-listen=127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RuntimeError, match="address already in use"):
            server.running(tmp_path, flag).__enter__()


def test_without_a_metrics_port_metrics_are_not_served(tmp_path: Path) -> None:
    with server.running(tmp_path, "--metrics-listen=") as running:
        assert running.client.get("/metrics").status_code == 404
        assert running.client.get("/readyz").is_success
        with pytest.raises(httpx.ConnectError):
            running.metrics()
