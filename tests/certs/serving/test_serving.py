"""uvicorn with the keeper's context: leaves change under a server that is in use."""

import threading
from collections.abc import Iterator
from datetime import datetime

import httpx
import pytest
import uvicorn

from certs import authority, probe
from certs.authority import CA, Leaf
from certs.context import Front
from tests.certs.conftest import NAMES, TIMES
from tests.certs.serving.handshakes import NAME, client, connected, free_port, shown


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: object = None) -> None:
        assert sockets is None
        await super().startup()
        self.listening.set()


async def _app(scope: object, receive: object, send: object) -> None:
    assert isinstance(scope, dict)
    assert callable(receive)
    assert callable(send)
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def front(leaf: Leaf) -> Front:
    made = Front()
    made.use(leaf)
    return made


@pytest.fixture(params=["uvloop", "asyncio"])
def port(front: Front, request: pytest.FixtureRequest) -> Iterator[int]:
    config = uvicorn.Config(
        _app, host="127.0.0.1", port=free_port(), loop=request.param, lifespan="off",
        timeout_keep_alive=60, log_config=None,
        ssl_context_factory=lambda _config, _default: front.context,
    )  # fmt: skip
    server = _Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.listening.wait(60)
        yield config.port
    finally:
        server.should_exit = True
        thread.join()


def _ask(to: httpx.Client, port: int) -> str:
    return to.get(f"https://127.0.0.1:{port}/", extensions={"sni_hostname": NAME}).text


def test_uvicorn_serves_with_our_context_and_the_probe_succeeds(port: int, ca: CA) -> None:
    assert probe.problem("0.0.0.0", port, NAME, authority.pem(ca.certificate)) == ""  # noqa: S104 -- what servers are told to listen on


def test_open_connections_stay_while_new_ones_get_the_new_leaf(
    port: int, front: Front, ca: CA, now: datetime
) -> None:
    bundle = authority.pem(ca.certificate)
    with httpx.Client(verify=client(bundle)) as standing:
        assert _ask(standing, port) == "ok"
        for _ in range(3):
            leaf = authority.new_leaf(ca, now, TIMES.leaf, NAMES)

            front.use(leaf)

            assert _ask(standing, port) == "ok"
            with connected(port, client(bundle)) as fresh:
                assert shown(fresh) == leaf.certificate.serial_number
        [pooled] = standing._transport._pool.connections  # type: ignore[attr-defined]  # httpx shows no connections otherwise
        assert pooled.info().endswith("Request Count: 4")


def test_new_ca_refuses_clients_of_the_old_one_only_on_new_connections(
    port: int, front: Front, ca: CA, now: datetime
) -> None:
    other = authority.new_ca(now, TIMES.ca)
    with httpx.Client(verify=client(authority.pem(ca.certificate))) as standing:
        assert _ask(standing, port) == "ok"

        front.use(authority.new_leaf(other, now, TIMES.leaf, NAMES))

        assert _ask(standing, port) == "ok"
    assert "unable to get local issuer" in probe.problem(
        "127.0.0.1", port, NAME, authority.pem(ca.certificate)
    )
    assert probe.problem("127.0.0.1", port, NAME, authority.pem(other.certificate)) == ""
