"""What is made is accepted by a strict verifier for as long as it should be, and no longer."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from certs import authority
from certs.authority import CA, BrokenError, Leaf

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
NAMES = authority.names("backup-webhook", "backup")


@pytest.fixture(scope="module")
def ca() -> CA:
    return authority.new_ca(NOW, 90 * DAY)


@pytest.fixture(scope="module")
def leaf(ca: CA) -> Leaf:
    return authority.new_leaf(ca, NOW, DAY, NAMES)


def _verify(leaf: Leaf, ca: CA, name: str, now: datetime) -> None:
    builder = PolicyBuilder().store(Store([ca.certificate])).time(now)
    builder.build_server_verifier(x509.DNSName(name)).verify(leaf.certificate, [])


@pytest.mark.parametrize(
    "name",
    [
        "backup-webhook",
        "backup-webhook.backup",
        "backup-webhook.backup.svc",
        "backup-webhook.backup.svc.cluster.local",
    ],
)
def test_leaf_is_valid_for_each_name_of_the_service(ca: CA, leaf: Leaf, name: str) -> None:
    _verify(leaf, ca, name, NOW)


@pytest.mark.parametrize("name", ["other.backup.svc", "backup-webhook.other.svc", "backup"])
def test_leaf_is_valid_for_no_other_name(ca: CA, leaf: Leaf, name: str) -> None:
    with pytest.raises(VerificationError):
        _verify(leaf, ca, name, NOW)


@pytest.mark.parametrize("off", [timedelta(minutes=-59), DAY - SECOND], ids=str)
def test_clock_up_to_an_hour_behind_accepts_the_leaf_until_it_expires(
    ca: CA, leaf: Leaf, off: timedelta
) -> None:
    _verify(leaf, ca, NAMES[2], NOW + off)


@pytest.mark.parametrize("off", [timedelta(minutes=-61), DAY + SECOND], ids=str)
def test_clock_outside_the_validity_refuses_the_leaf(ca: CA, leaf: Leaf, off: timedelta) -> None:
    with pytest.raises(VerificationError):
        _verify(leaf, ca, NAMES[2], NOW + off)


def test_leaf_does_not_outlive_its_ca(ca: CA) -> None:
    leaf = authority.new_leaf(ca, NOW + 90 * DAY - SECOND, DAY, NAMES)

    assert leaf.expires == ca.certificate.not_valid_after_utc == NOW + 90 * DAY


def test_another_ca_is_not_trusted(leaf: Leaf) -> None:
    with pytest.raises(VerificationError):
        _verify(leaf, authority.new_ca(NOW, 90 * DAY), NAMES[2], NOW)


def test_two_cas_have_different_names_and_serial_numbers(ca: CA) -> None:
    other = authority.new_ca(NOW, 90 * DAY)

    assert other.certificate.subject != ca.certificate.subject
    assert other.certificate.serial_number != ca.certificate.serial_number


@pytest.mark.parametrize(
    ("hours", "fresh"), [(-2, False), (-0.9, True), (0, True), (15.9, True), (16, False)]
)
def test_leaf_is_fresh_for_two_thirds_of_its_life(leaf: Leaf, hours: float, *, fresh: bool) -> None:
    assert leaf.fresh(NOW + timedelta(hours=hours)) is fresh


def test_longest_service_name_fits() -> None:
    names = authority.names("s" * 63, "n" * 63)

    leaf = authority.new_leaf(authority.new_ca(NOW, DAY), NOW, DAY, names)

    names_in_it = leaf.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert tuple(names_in_it.value.get_values_for_type(x509.DNSName)) == names


def test_ca_is_read_back(ca: CA) -> None:
    read = authority.load_ca(authority.pem(ca.certificate), authority.key_pem(ca.key))

    assert read == ca
    assert authority.key_pem(read.key) == authority.key_pem(ca.key)


def test_bundle_is_read_back(ca: CA) -> None:
    both = (ca.certificate, authority.new_ca(NOW, DAY).certificate)

    assert authority.load_bundle(authority.pem(*both)) == frozenset(both)


@pytest.mark.parametrize("text", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_unreadable_bundle_is_empty(text: bytes) -> None:
    assert authority.load_bundle(text) == frozenset()


def _broken(ca: CA, leaf: Leaf) -> dict[str, tuple[bytes, bytes]]:
    crt, key = authority.pem(ca.certificate), authority.key_pem(ca.key)
    rsa_key = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    encrypted = ca.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
    )
    return {
        "no certificate": (b"", key),
        "no key": (crt, b""),
        "certificate cut": (crt[: len(crt) // 2], key),
        "key cut": (crt, key[: len(key) // 2]),
        "key not base64": (crt, key.replace(b"M", b"\xff")),
        "swapped": (key, crt),
        "key of another": (crt, authority.key_pem(ec.generate_private_key(ec.SECP256R1()))),
        "RSA key": (crt, rsa_key),
        "encrypted key": (crt, encrypted),
        "leaf instead of CA": (leaf.chain, leaf.key),
    }


def test_certificate_that_cannot_sign_is_refused_without_quoting_a_key(ca: CA, leaf: Leaf) -> None:
    for what, (certificate, key) in _broken(ca, leaf).items():
        with pytest.raises(BrokenError) as caught:
            authority.load_ca(certificate, key)

        error = caught.value
        assert str(error), what
        assert error.__cause__ is None, what
        for line in (certificate + key).decode("latin-1").splitlines()[1:-1]:
            assert line[:12] not in str(error), what


def test_keys_are_not_in_representations(ca: CA, leaf: Leaf) -> None:
    shown = repr(ca) + repr(leaf)

    assert "PRIVATE" not in shown
    assert "key=" not in shown
