"""Own authorities and proxies, from the Secret to everyone whom a run talks to."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.integration.sidecars import Sidecar
from tests.runner.stand_ins import proxy
from tests.runner.stand_ins.proxy import Proxy
from tests.runner.stand_ins.web import Web, served
from tests.services import rest

HOST = "services.example.invalid"  # known to no DNS: only a proxy leads there
RECEIVERS = {"ntfy", "NOTIFY_URLS: address 1", "PING_URL", "Pushgateway"}


@dataclass(frozen=True)
class Tls:
    """An authority of nobody's, its file, and a server's context with a certificate of its."""

    text: str
    file: Path
    server: ssl.SSLContext
    chain: Path


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """One for all tests here."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", HOST)
    file, chain = folder / "ca.pem", folder / "chain.pem"
    authority.cert_pem.write_to_path(str(file))
    issued.private_key_and_cert_chain_pem.write_to_path(str(chain))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    return Tls(file.read_text(), file, server, chain)


@pytest.fixture
def web(tls: Tls) -> Iterator[Web]:
    """Receives everything by TLS."""
    with served(tls.server) as running:
        yield running


@pytest.fixture
def plain(tls: Tls) -> Iterator[Web]:
    """Receives everything without."""
    del tls
    with served() as running:
        yield running


@pytest.fixture
def way() -> Iterator[Proxy]:
    """The only way to HOST."""
    with proxy.running() as running:
        yield running


def told(sidecar: Sidecar, web: Web, host: str = "", **secret: str) -> set[str]:
    """Let a run fail, as all receivers hear of; return to whom it was not delivered.

    What arrived is what was delivered: nobody is left out silently.
    """
    address = f"{host or '127.0.0.1'}:{web.address.rpartition(':')[2]}"
    own = f"{web.scheme}://{address}"
    kind = "jsons" if web.scheme == "https" else "json"
    sidecar.change_secret(
        NTFY_ENABLED="true", NTFY_SERVER=own, NTFY_TOPIC="topic", PUSHGATEWAY_ENABLED="true",
        PUSHGATEWAY_URL=own, PING_URL=f"{own}/ping", NOTIFY_URLS=f"{kind}://{address}/apprise",
        PRE_HOOK="exit 3", **secret,
    )  # fmt: skip
    web.requests.clear()
    done = sidecar.run("backup-runner", "run")
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if "not delivered" in line]
    missed = {name for name in RECEIVERS if any(f'"{name}: ' in line for line in lines)}
    paths = {request.path.split("/")[1] for request in web.requests}
    names = {"": "ntfy", "apprise": "NOTIFY_URLS: address 1", "ping": "PING_URL",
             "metrics": "Pushgateway"}  # fmt: skip
    assert {names[path] for path in paths} == RECEIVERS - missed
    return missed


@pytest.mark.parametrize("spelling", ["text", "path", "restic", "restic's text", "file", "folder"])
def test_a_custom_ca_is_trusted_for_every_receiver(
    sidecar: Sidecar, web: Web, tls: Tls, tmp_path: Path, spelling: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/own.crt").write_text(tls.text)
    variables = {
        "text": {"BACKUP_CACERT": tls.text},
        "path": {"BACKUP_CACERT": str(tls.file)},
        "restic": {"RESTIC_CACERT": str(tls.file)},
        "restic's text": {"RESTIC_CACERT": tls.text},
        "file": {"SSL_CERT_FILE": str(tls.file)},
        "folder": {"SSL_CERT_DIR": str(tmp_path / "folder")},
    }

    assert told(sidecar, web, **variables[spelling]) == set()


@pytest.mark.parametrize(
    ("value", "named"),
    [("", ""), (trustme.CA().cert_pem.bytes().decode(), ""), ("/nowhere/ca.pem", "No such file"),
     ("no certificate", "cannot be read"), ("-----BEGIN CERTIFICATE-----\nxx", "no certificate")],
)  # fmt: skip
def test_no_untrusted_server_is_accepted(
    tmp_path: Path, web: Web, tls: Tls, value: str, named: str
) -> None:
    """Also not whom the container's own environment names."""
    keys = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "BACKUP_CACERT")
    sidecar = Sidecar(tmp_path, pace=dict.fromkeys(keys, str(tls.file)))

    assert told(sidecar, web, BACKUP_CACERT=value) == RECEIVERS

    problems = [each for each in sidecar.status()["problems"] if "CACERT" in each]
    assert bool(problems) == bool(named)
    assert all(named in each and "BACKUP_CACERT" in each for each in problems)


@pytest.mark.parametrize("key", ["HTTPS_PROXY", "all_proxy"])
def test_a_proxy_tunnels_to_every_receiver(
    sidecar: Sidecar, web: Web, tls: Tls, way: Proxy, key: str
) -> None:
    """By CONNECT, with TLS from end to end."""
    way.login = "user:p@ss word"
    url = way.url.replace("//", "//user:p%40ss%20word@")

    assert told(sidecar, web, HOST, BACKUP_CACERT=tls.text, **{key: url}) == set()

    target = f"CONNECT {HOST}:{web.address.rpartition(':')[2]}"
    assert set(way.requests) == {target}


@pytest.mark.parametrize("key", ["http_proxy", "ALL_PROXY"])
def test_a_proxy_forwards_plain_requests(
    sidecar: Sidecar, plain: Web, way: Proxy, key: str
) -> None:
    assert told(sidecar, plain, HOST, **{key: way.address}) == set()

    assert all(f" http://{HOST}:" in request for request in way.requests)


@pytest.mark.parametrize("direct", ["x, *", ".example.invalid"])
def test_hosts_in_no_proxy_bypass_the_proxy(
    sidecar: Sidecar, web: Web, tls: Tls, way: Proxy, direct: str
) -> None:
    missed = told(sidecar, web, HOST, BACKUP_CACERT=tls.text, HTTPS_PROXY=way.url, NO_PROXY=direct)

    assert missed == RECEIVERS
    assert way.requests == []


def test_the_pod_itself_bypasses_the_proxy(
    sidecar: Sidecar, web: Web, tls: Tls, way: Proxy
) -> None:
    assert told(sidecar, web, BACKUP_CACERT=tls.text, ALL_PROXY=way.url) == set()
    assert way.requests == []


def test_proxies_of_the_containers_environment_are_ignored(
    tmp_path: Path, web: Web, plain: Web, tls: Tls, way: Proxy
) -> None:
    keys = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy")
    sidecar = Sidecar(tmp_path, pace=dict.fromkeys(keys, way.url))

    assert told(sidecar, web, HOST, BACKUP_CACERT=tls.text) == RECEIVERS
    assert told(sidecar, plain, HOST) == RECEIVERS
    assert way.requests == []


@pytest.mark.parametrize("spelling", ["text", "restic's text"])
def test_restic_trusts_the_same_cas(
    sidecar: Sidecar, tls: Tls, tmp_path: Path, spelling: str
) -> None:
    """And rclone, of which it is the server's certificate here."""
    variables = {
        "text": {"BACKUP_CACERT": tls.text},
        "restic's text": {"RESTIC_CACERT": tls.text},
    }
    options = ("--cert", str(tls.chain), "--key", str(tls.chain))
    with rest.serve(tmp_path, *options, tls=True) as url:
        sidecar.change_secret(RESTIC_REPOSITORY=f"rest:{url}/repository/")
        assert "certificate" in sidecar.back_up(1)["message"]
        sidecar.change_secret(**variables[spelling])
        sidecar.back_up()
        assert sidecar.run("backup-runner", "restic", "snapshots").returncode == 0


def test_restic_and_rclone_use_the_common_proxy(
    sidecar: Sidecar, tls: Tls, way: Proxy, tmp_path: Path
) -> None:
    """Which, alone, they would not."""
    options = ("--cert", str(tls.chain), "--key", str(tls.chain))
    with rest.serve(tmp_path, *options, tls=True) as url:
        port = url.rpartition(":")[2]
        sidecar.change_secret(
            RESTIC_REPOSITORY=f"rest:https://{HOST}:{port}/repository/", BACKUP_CACERT=tls.text,
            ALL_PROXY=way.url,
        )  # fmt: skip
        sidecar.back_up()

    assert set(way.requests) == {f"CONNECT {HOST}:{port}"}
