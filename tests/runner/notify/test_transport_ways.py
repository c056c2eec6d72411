"""Which way a delivery takes: the Secret's proxy and no other, and only to where it was sent."""

import http.client
import os
from collections.abc import Iterator

import pytest

from runner.notify import transport
from tests.runner.stand_ins.web import Web, served


@pytest.fixture
def web() -> Iterator[Web]:
    """One server; each test changes its answer."""
    with served() as running:
        yield running


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_the_proxy_of_the_environment_is_not_used(
    web: Web, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is the node's or an app's; only the Secret names ours."""
    with served() as other:
        monkeypatch.setenv(name, other.url)

        assert transport.push(f"{web.url}/metrics", "x 1\n") == ""

        assert len(web.requests) == 1
        assert other.requests == []


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirected_delivery_is_not_followed(web: Web, status: int) -> None:
    with served() as elsewhere:
        web.status, web.location = status, f"{elsewhere.url}/login"

        assert transport.push(web.url, "x 1\n").startswith(f"HTTP {status}")
        assert transport.ping(web.url, "x").startswith(f"HTTP {status}")
        assert transport.notify(web.url, {}, "").startswith(f"HTTP {status}")

        assert len(web.requests) == 3
        assert elsewhere.requests == []


def test_a_ping_has_a_bounded_body_and_no_credentials(web: Web) -> None:
    assert transport.ping(f"{web.url}/uuid", "ä" * 9000) == ""

    (request,) = web.requests
    assert (request.method, request.path, len(request.body)) == ("POST", "/uuid", 10_000)
    assert "Authorization" not in request.headers


def test_a_message_without_credentials_has_no_authorization_header(web: Web) -> None:
    assert transport.notify(web.url, {"topic": "x"}, "") == ""

    (request,) = web.requests
    assert "Authorization" not in request.headers
    assert request.headers["Content-Type"] == "application/json"


def test_separate_credentials_outrank_those_of_the_address(web: Web) -> None:
    assert transport.notify(f"http://a:b@{web.address}", {}, "Bearer tk") == ""

    assert web.requests[0].headers["Authorization"] == "Bearer tk"


@pytest.mark.parametrize(
    ("kind", "seconds"), [("push", 20.0), ("quick", 5.0), ("notify", 20.0), ("ping", 5.0)]
)
def test_each_delivery_has_a_timeout(
    web: Web, monkeypatch: pytest.MonkeyPatch, kind: str, seconds: float
) -> None:
    """A backup waits for the first ping, and for what is pushed in a hurry."""
    limits: list[float] = []
    real = http.client.HTTPConnection

    class Connection(real):  # type: ignore[misc,valid-type] # it is the class that urllib uses
        def __init__(self, host: str, timeout: float) -> None:
            limits.append(timeout)
            super().__init__(host, timeout=timeout)

    monkeypatch.setattr(http.client, "HTTPConnection", Connection)
    match kind:
        case "notify":
            said = transport.notify(web.url, {}, "")
        case "ping":
            said = transport.ping(web.url, "x")
        case _:
            said = transport.push(web.url, "x 1\n", quick=kind == "quick")

    assert (said, limits) == ("", [seconds])


def test_a_notification_restores_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://of-the-node:1")
    before = dict(os.environ)

    assert transport.tell(["nonsense"], "t", "x", "failure", {"https_proxy": "http://ours:1"}) != [
        ""
    ]

    assert dict(os.environ) == before
