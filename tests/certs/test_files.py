"""Mounted certificates: read anew when the kubelet swaps them, kept when they are broken."""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from certs import authority
from certs.authority import CA, Leaf
from certs.files import Files
from certs.keeper import Keeper
from certs.settings import Mode, Settings
from tests.certs.conftest import NAMES, TIMES
from tests.certs.serving.handshakes import client, echoing, free_port, shake


class Mount:
    """A Secret's volume: files are links into a folder that a link names, swapped at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def swap(self, files: dict[str, bytes]) -> None:
        self._count += 1
        fresh = self.folder / f"..{self._count}"
        fresh.mkdir()
        for name, content in files.items():
            (fresh / name).write_bytes(content)
            link = self.folder / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        part = self.folder / "..data_tmp"
        part.symlink_to(fresh.name)
        part.replace(self.folder / "..data")
        shutil.rmtree(self.folder / f"..{self._count - 1}", ignore_errors=True)


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    return Mount(tmp_path)


@pytest.fixture
def keeper(mount: Mount) -> Keeper:
    folder = mount.folder
    return Keeper(
        Settings(
            Mode.CERT_MANAGER, "backup-webhook", "backup", "127.0.0.1", free_port(),
            chain=folder / "tls.crt", key=folder / "tls.key",
        )
    )  # fmt: skip


@pytest.fixture
def new_leaf(ca: CA, now: datetime) -> Callable[[], Leaf]:
    return lambda: authority.new_leaf(ca, now, TIMES.leaf, NAMES)


def _pair(leaf: Leaf, ca: CA | None = None) -> dict[str, bytes]:
    beside = {"ca.crt": authority.pem(ca.certificate)} if ca else {}
    return {"tls.crt": leaf.chain, "tls.key": leaf.key, **beside}


def _shown(keeper: Keeper, ca: CA) -> int:
    return shake(keeper._front.context, client(authority.pem(ca.certificate)))


def test_swapped_files_are_served(
    mount: Mount, keeper: Keeper, ca: CA, now: datetime, new_leaf: Callable[[], Leaf]
) -> None:
    for _ in range(3):
        leaf = new_leaf()
        mount.swap(_pair(leaf, ca))

        assert keeper.tick(now)
        assert _shown(keeper, ca) == leaf.certificate.serial_number
        assert keeper.status().leaf_expires == leaf.expires
        assert keeper.status().ca_expires == ca.certificate.not_valid_after_utc
        assert keeper.status().bundle_in_sync is None
        assert keeper.status().problem == ""


def test_chain_and_key_of_two_versions_change_nothing(
    mount: Mount, keeper: Keeper, ca: CA, now: datetime, new_leaf: Callable[[], Leaf]
) -> None:
    first, second = new_leaf(), new_leaf()
    mount.swap(_pair(first, ca))
    keeper.tick(now)

    mount.swap(_pair(second, ca) | {"tls.key": first.key})

    assert keeper.tick(now)
    assert _shown(keeper, ca) == first.certificate.serial_number
    assert "KEY_VALUES_MISMATCH" in keeper.status().problem
    assert keeper.status().leaf_expires == first.expires
    mount.swap(_pair(second, ca))
    keeper.tick(now)
    assert _shown(keeper, ca) == second.certificate.serial_number
    assert keeper.status().problem == ""


@pytest.mark.parametrize("broken", [{"tls.crt": b""}, {"tls.crt": b"junk"}, {"tls.key": b""}])
def test_invalid_files_change_nothing(
    mount: Mount, keeper: Keeper, ca: CA, leaf: Leaf, now: datetime, broken: dict[str, bytes]
) -> None:
    mount.swap(_pair(leaf))
    keeper.tick(now)

    mount.swap(_pair(leaf) | broken)

    assert keeper.tick(now)
    assert _shown(keeper, ca) == leaf.certificate.serial_number
    assert keeper.status().problem


def test_missing_files_are_awaited(mount: Mount, keeper: Keeper, leaf: Leaf, now: datetime) -> None:
    assert not keeper.tick(now)
    assert keeper.status().problem == f"{mount.folder}/tls.crt: No such file or directory"

    mount.swap(_pair(leaf))

    assert keeper.tick(now)
    assert keeper.status().problem == ""


def test_encrypted_key_is_refused_without_a_password_prompt(
    mount: Mount, keeper: Keeper, leaf: Leaf, now: datetime
) -> None:
    key = load_pem_private_key(leaf.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    encrypted = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
    )

    mount.swap(_pair(leaf) | {"tls.key": encrypted})

    assert not keeper.tick(now)
    assert "do not load" in keeper.status().problem


def test_expired_files_are_served_and_named(
    mount: Mount, keeper: Keeper, ca: CA, now: datetime
) -> None:
    leaf = authority.new_leaf(ca, now - timedelta(minutes=30), timedelta(minutes=20), NAMES)
    mount.swap(_pair(leaf))

    assert keeper.tick(now)
    assert "expired on" in keeper.status().problem


@pytest.mark.parametrize("with_ca", [True, False])
def test_readiness_is_checked_against_the_mounted_ca_or_the_leaf_itself(
    mount: Mount, ca: CA, leaf: Leaf, now: datetime, *, with_ca: bool
) -> None:
    mount.swap(_pair(leaf, ca if with_ca else None))
    files = Files(mount.folder / "tls.crt", mount.folder / "tls.key")

    bundle = authority.pem(ca.certificate) if with_ca else leaf.chain
    assert files.refresh(now).bundles == {bundle}


def test_ready_with_mounted_files(mount: Mount, keeper: Keeper, ca: CA, leaf: Leaf) -> None:
    mount.swap(_pair(leaf, ca))
    context = keeper.start()
    try:
        assert not keeper.ready()
        with echoing(context, keeper._settings.port):
            assert keeper.ready()
    finally:
        keeper.stop()


def test_ca_that_did_not_sign_the_leaf_is_not_ready(
    mount: Mount, keeper: Keeper, leaf: Leaf, now: datetime
) -> None:
    mount.swap(_pair(leaf, authority.new_ca(now, TIMES.ca)))
    keeper.tick(now)

    with echoing(keeper._front.context, keeper._settings.port):
        assert not keeper.ready()
    assert "unable to get local issuer" in keeper.status().problem
