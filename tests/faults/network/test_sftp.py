"""Servers by SSH that are others than they say, and keys that open nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.network.sftp import filled, reachable, secret, serving
from tests.services import sshd
from tests.services.sshd import Sshd


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that the server's user reaches."""
    with reachable() as folder:
        yield folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    """A server whose user may write into tmp_path/store."""
    with serving(tmp_path) as running:
        yield running


@pytest.mark.parametrize("hosts", ["other key", "other host", "other port", "none at the path"])
def test_an_unknown_server_is_not_trusted(tmp_path: Path, server: Sshd, hosts: str) -> None:
    sshd.key(tmp_path / "other")
    other = (tmp_path / "other.pub").read_text().strip()
    named = {
        "other key": f"[127.0.0.1]:{server.port} {other}",
        "other host": f"[127.0.0.2]:{server.port} {server.host_key}",
        "other port": f"127.0.0.1 {server.host_key}",
        "none at the path": "/nowhere/known_hosts",
    }[hosts]
    sidecar = filled(tmp_path, secret(server, tmp_path / "store", SFTP_KNOWN_HOSTS=named))

    ended = sidecar.back_up(1)

    assert ended["class"] == "config"
    assert "known" in ended["message"]
    assert list((tmp_path / "store").iterdir()) == []


def test_a_key_unknown_to_the_server_is_an_auth_failure(tmp_path: Path, server: Sshd) -> None:
    other = sshd.key(tmp_path / "other")
    sidecar = filled(tmp_path, secret(server, tmp_path / "store", SFTP_KEY=other))

    ended = sidecar.back_up(1)

    assert ended["class"] == "auth", ended
    assert other.splitlines()[1] not in str(ended)


@pytest.mark.parametrize("kind", ["a public key", "half of it", "with a passphrase", "a word"])
def test_an_invalid_key_is_named(tmp_path: Path, server: Sshd, kind: str) -> None:
    secret_key = sshd.key(tmp_path / "closed", "-N", "passphrase-of-key")
    bad = {
        "a public key": (tmp_path / "sshd/login.pub").read_text(),
        "half of it": server.key[:120], "with a passphrase": secret_key, "a word": "id_ed25519",
    }[kind]  # fmt: skip
    sidecar = filled(tmp_path, secret(server, tmp_path / "store", SFTP_KEY=bad))

    ended = sidecar.back_up(1)

    assert ended["class"] in {"auth", "config"}, ended
    assert "key" in ended["message"]
