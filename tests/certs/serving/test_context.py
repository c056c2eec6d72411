"""The leaf changes while the server serves, and no client notices."""

import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from certs import authority
from certs.authority import CA, BrokenError, Leaf
from certs.context import Front
from tests.certs.conftest import NAMES, TIMES
from tests.certs.serving.handshakes import client, connected, echoing, shake, shown


@pytest.fixture
def front(leaf: Leaf) -> Front:
    made = Front()
    made.use(leaf)
    return made


@pytest.fixture
def trusting(ca: CA) -> ssl.SSLContext:
    return client(authority.pem(ca.certificate))


@pytest.fixture
def new_leaf(ca: CA, now: datetime) -> Callable[[], Leaf]:
    return lambda: authority.new_leaf(ca, now, TIMES.leaf, NAMES)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_leaf_is_served(
    front: Front, leaf: Leaf, trusting: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    trusting.minimum_version = trusting.maximum_version = version

    assert shake(front.context, trusting) == leaf.certificate.serial_number


def test_client_without_sni_gets_the_leaf(
    front: Front, leaf: Leaf, trusting: ssl.SSLContext
) -> None:
    trusting.check_hostname = False  # the kubelet's probes

    assert shake(front.context, trusting, None) == leaf.certificate.serial_number


def test_without_a_leaf_handshakes_fail(trusting: ssl.SSLContext) -> None:
    with pytest.raises(ssl.SSLError):
        shake(Front().context, trusting)


def test_new_leaf_serves_new_connections_and_old_ones_stay_open(
    front: Front, leaf: Leaf, trusting: ssl.SSLContext, new_leaf: Callable[[], Leaf]
) -> None:
    second = new_leaf()
    with echoing(front.context) as port, connected(port, trusting) as before:
        before.sendall(b"one")
        assert before.recv(9) == b"one"

        front.use(second)

        with connected(port, trusting) as after:
            for connection in (after, before):
                connection.sendall(b"two")
                assert connection.recv(9) == b"two"
            assert shown(after) == second.certificate.serial_number
            assert shown(before) == leaf.certificate.serial_number


def test_no_handshake_fails_while_leaves_are_swapped(
    front: Front, trusting: ssl.SSLContext, new_leaf: Callable[[], Leaf]
) -> None:
    leaves = [new_leaf() for _ in range(5)]
    serials = {leaf.certificate.serial_number for leaf in leaves}
    done = threading.Event()
    swaps = 0

    def swap() -> None:
        nonlocal swaps
        while not done.is_set():
            front.use(leaves[swaps % 5])
            swaps += 1

    front.use(leaves[-1])
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        seen = set[int]()
        shakes = 0
        while shakes < 300 or swaps <= 50:
            seen.add(shake(front.context, trusting))
            shakes += 1
    finally:
        done.set()
        thread.join()

    assert len(seen) > 1
    assert seen <= serials


def test_mismatched_certificate_and_key_change_nothing(
    front: Front, leaf: Leaf, trusting: ssl.SSLContext, new_leaf: Callable[[], Leaf]
) -> None:
    other = new_leaf()

    with pytest.raises(BrokenError, match="KEY_VALUES_MISMATCH"):
        front.use(Leaf(other.chain, leaf.key, other.certificate))

    assert shake(front.context, trusting) == leaf.certificate.serial_number


@pytest.mark.parametrize("key", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n"])
def test_invalid_key_is_refused_without_being_quoted(front: Front, leaf: Leaf, key: bytes) -> None:
    with pytest.raises(BrokenError) as caught:
        front.use(Leaf(leaf.chain, key, leaf.certificate))

    assert "c2VjcmV0" not in str(caught.value)


def test_loading_a_key_leaves_no_file_and_no_descriptor(
    front: Front, new_leaf: Callable[[], Leaf]
) -> None:
    before = _descriptors()

    for _ in range(5):
        front.use(new_leaf())
    with pytest.raises(BrokenError):
        front.use(Leaf(b"", b"", new_leaf().certificate))

    assert _descriptors() - before == set()


def _descriptors() -> set[tuple[str, Path]]:
    """Return what is open; whatever earlier tests left may be closed at any time."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add((each.name, each.readlink()))
    return found


def test_leaf_that_has_expired_is_refused_by_clients(
    front: Front, ca: CA, now: datetime, trusting: ssl.SSLContext
) -> None:
    front.use(authority.new_leaf(ca, now - timedelta(minutes=30), timedelta(minutes=20), NAMES))

    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shake(front.context, trusting)
