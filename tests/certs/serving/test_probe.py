"""The handshake with ourselves tells what an API server would run into."""

from datetime import datetime, timedelta

import pytest

from certs import authority, probe
from certs.authority import CA, Leaf
from certs.context import Front
from tests.certs.conftest import NAMES
from tests.certs.serving.handshakes import NAME, echoing, free_port


@pytest.fixture
def front(leaf: Leaf) -> Front:
    made = Front()
    made.use(leaf)
    return made


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "127.0.0.1", "localhost", ""],  # noqa: S104 -- what servers are told to listen on
)
def test_good_server_has_no_problem(front: Front, ca: CA, host: str) -> None:
    with echoing(front.context) as port:
        assert probe.problem(host, port, NAME, authority.pem(ca.certificate)) == ""


def test_one_good_ca_of_two_is_enough(front: Front, ca: CA, now: datetime) -> None:
    other = authority.new_ca(now, timedelta(days=1))
    bundle = authority.pem(other.certificate, ca.certificate)

    with echoing(front.context) as port:
        assert probe.problem("", port, NAME, bundle) == ""


def test_comments_in_a_bundle_are_ignored(front: Front, ca: CA) -> None:
    bundle = "# Müller CA\n".encode() + authority.pem(ca.certificate)

    with echoing(front.context) as port:
        assert probe.problem("", port, NAME, bundle) == ""


def test_leaf_that_is_its_own_bundle_is_trusted(front: Front, leaf: Leaf) -> None:
    with echoing(front.context) as port:
        assert probe.problem("", port, NAME, leaf.chain) == ""


def test_other_name_is_a_problem(front: Front, ca: CA) -> None:
    with echoing(front.context) as port:
        found = probe.problem("", port, "other.backup.svc", authority.pem(ca.certificate))

    assert found.startswith("handshake as other.backup.svc: Hostname mismatch")


def test_foreign_bundle_is_a_problem(front: Front, now: datetime) -> None:
    other = authority.new_ca(now, timedelta(days=1))

    with echoing(front.context) as port:
        found = probe.problem("", port, NAME, authority.pem(other.certificate))

    assert found == f"handshake as {NAME}: unable to get local issuer certificate"


@pytest.mark.parametrize("bundle", [b"", b"junk", b"\xff", b"-----BEGIN CERTIFICATE-----\nx"])
def test_bundle_without_certificates_is_a_problem(front: Front, bundle: bytes) -> None:
    with echoing(front.context) as port:
        found = probe.problem("", port, NAME, bundle)

    assert found == "the installed CA bundle is empty or broken"


@pytest.mark.parametrize(
    ("start", "problem"),
    [(timedelta(minutes=-30), "has expired"), (timedelta(hours=2), "is not yet valid")],
)
def test_certificate_outside_its_validity_is_a_problem(
    ca: CA, now: datetime, start: timedelta, problem: str
) -> None:
    front = Front()
    front.use(authority.new_leaf(ca, now + start, timedelta(minutes=20), NAMES))

    with echoing(front.context) as port:
        assert problem in probe.problem("", port, NAME, authority.pem(ca.certificate))


def test_server_without_a_leaf_is_a_problem(ca: CA) -> None:
    with echoing(Front().context) as port:
        assert "ALERT" in probe.problem("", port, NAME, authority.pem(ca.certificate)).upper()


def test_closed_port_is_a_problem(ca: CA) -> None:
    found = probe.problem("", free_port(), NAME, authority.pem(ca.certificate))

    assert found == f"handshake as {NAME}: Connection refused"
