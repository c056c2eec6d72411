"""Certificates and their keys: makes a CA, signs a leaf with it, reads both back. Pure.

Everything is ECDSA P-256. Names: a *CA* signs, a *leaf* is what the server shows, a *bundle* is
the CAs that a client may trust, as PEM.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SKEW = timedelta(hours=1)  # how far clocks may differ: every certificate starts this much earlier


class BrokenError(ValueError):
    """A certificate or key cannot be used. The message never holds any part of a key."""


@dataclass(frozen=True, slots=True)
class CA:
    """A certificate that signs, and its key. Equal if the certificates are."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    def valid(self, now: datetime) -> bool:
        """Return whether a client accepts what it signed."""
        return valid(self.certificate, now)

    @property
    def renewal(self) -> datetime:
        """When the next one should be made: at two thirds of its life."""
        return _two_thirds(self.certificate)


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the server shows: PEM texts. ``signer`` is None if a file brought it."""

    chain: bytes
    key: bytes = field(repr=False)
    certificate: x509.Certificate
    signer: x509.Certificate | None = None

    def fresh(self, now: datetime) -> bool:
        """Return whether it may be shown for longer: valid, and in its first two thirds."""
        return valid(self.certificate, now) and now < self.renewal

    @property
    def renewal(self) -> datetime:
        """When the next one should be signed."""
        return _two_thirds(self.certificate)

    @property
    def expires(self) -> datetime:
        """The end of its life."""
        return self.certificate.not_valid_after_utc

    @property
    def life(self) -> timedelta:
        """How long it is valid, from begin to end."""
        return self.expires - self.certificate.not_valid_before_utc


def names(service: str, namespace: str) -> tuple[str, ...]:
    """Return the names of a Service inside the cluster; the API server uses the third one."""
    short = f"{service}.{namespace}"
    return service, short, f"{short}.svc", f"{short}.svc.cluster.local"


def new_ca(now: datetime, life: timedelta) -> CA:
    """Make a CA that signs leaves only, for ``life`` from ``now``."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # Two of them stand in one bundle for a while: different names keep every client from
    # trying the wrong one.
    name = _name(f"backup-webhook CA {serial:040x}"[:32])
    usage = _usage(signs_certificates=True)
    builder = _builder(name, name, key.public_key(), serial, now, now + life)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return CA(certificate, key)


def new_leaf(ca: CA, now: datetime, life: timedelta, dns: Iterable[str]) -> Leaf:
    """Sign a new key's certificate for the ``dns`` names; it never outlives its CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    hosts = tuple(dns)
    end = min(now + life, ca.certificate.not_valid_after_utc)
    identifier = ca.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    builder = _builder(
        _name(hosts[0]), ca.certificate.subject, key.public_key(),
        x509.random_serial_number(), now, end,
    )  # fmt: skip
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(map(x509.DNSName, hosts)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value),
            critical=False,
        )
        .sign(ca.key, hashes.SHA256())
    )
    return Leaf(pem(certificate), key_pem(key), certificate, ca.certificate)


def load_ca(certificate: bytes, key: bytes) -> CA:
    """Read a CA from PEM; raise BrokenError where it cannot sign for its certificate."""
    read = load_certificate(certificate)
    try:
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError):  # TypeError: it is encrypted
        # No chaining: what a parser quotes of its input would be a key.
        raise BrokenError("the key is not an unencrypted PEM private key") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise BrokenError("the key is not an elliptic curve key")
    if private.public_key() != read.public_key():
        raise BrokenError("the key does not belong to the certificate")
    try:
        signs = read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        read.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        signs = False
    if not signs:
        raise BrokenError("the certificate is not that of a CA")
    return CA(read, private)


def load_certificate(text: bytes) -> x509.Certificate:
    """Read the first certificate of a PEM text; raise BrokenError."""
    try:
        return x509.load_pem_x509_certificate(text)
    except ValueError:
        raise BrokenError("the certificate is not a PEM certificate") from None


def load_bundle(text: bytes) -> frozenset[x509.Certificate]:
    """Read every certificate of a bundle; a bundle that is empty or broken holds none."""
    try:
        return frozenset(x509.load_pem_x509_certificates(text))
    except ValueError:
        return frozenset()


def pem(*certificates: x509.Certificate) -> bytes:
    """Write certificates one after the other."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a private key, unencrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def valid(certificate: x509.Certificate, now: datetime) -> bool:
    """Return whether ``now`` lies within the certificate's life."""
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def _two_thirds(certificate: x509.Certificate) -> datetime:
    start = certificate.not_valid_before_utc + SKEW
    return start + (certificate.not_valid_after_utc - start) * 2 / 3


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey,
    serial: int, now: datetime, end: datetime,
) -> x509.CertificateBuilder:  # fmt: skip
    builder = x509.CertificateBuilder(issuer, subject, key, serial, now - SKEW, end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
