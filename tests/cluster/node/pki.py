"""Certificates and kubeconfigs of the test cluster: one authority, one key for each component."""

import ipaddress
import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.blocks import fenced
from tests.cluster.settings import API_SERVER, NETWORK, NODE

_VALID = timedelta(days=30)
_CLIENTS = {  # file name: (organization, common name), by which the API server knows them
    "admin": ("system:masters", "admin"),
    "controller-manager": ("", "system:kube-controller-manager"),
    "scheduler": ("", "system:kube-scheduler"),
    "proxy": ("", "system:kube-proxy"),
    "kubelet": ("system:nodes", f"system:node:{NODE}"),
    "apiserver-kubelet": ("system:masters", "apiserver-kubelet"),
}
_SERVERS = {
    "apiserver": ("kubernetes", "kubernetes.default.svc", NETWORK.node, NETWORK.api, "127.0.0.1"),
    "kubelet-server": (NODE, NETWORK.node),
}
CALLERS = "callers.crt"
"""The CA of the certificate that the API server shows to webhooks."""
CALLER = "kube-apiserver-admission"
"""Its common name."""
SHOWN_TO = "backup-api-backup-webhook.backup-api.svc"
"""The webhook that it is shown to: the one of tests/apiserver."""
ADMISSION = "admission.yaml"
_RECIPE = "docs/recipes/client-certificates.md"


@dataclass(frozen=True)
class _Authority:
    """The certificate and key that sign all others."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def create(folder: Path) -> None:
    """Write into `folder` NAME.crt and NAME.key of all components, and of `ca`; NAME.conf, a
    kubeconfig, of the clients; `accounts.key`/`.pub`, which sign service account tokens; and
    `admission.yaml`, which has the API server show a certificate to a webhook.
    """
    folder.mkdir(mode=0o700, parents=True)
    authority = _authority()
    _write(folder, "ca", authority.certificate, authority.key)
    _show_certificates(folder)
    for name, (organization, common) in _CLIENTS.items():
        certificate, key = _issue(authority, _name(organization, common), ())
        _write(folder, name, certificate, key)
        (folder / f"{name}.conf").write_text(_kubeconfig(folder, name))
    for name, hosts in _SERVERS.items():
        _write(folder, name, *_issue(authority, _name("", name), hosts))
    accounts = ec.generate_private_key(ec.SECP256R1())
    (folder / "accounts.key").write_bytes(_pem(accounts))
    (folder / "accounts.pub").write_bytes(
        accounts.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def _show_certificates(folder: Path) -> None:
    """Write the files of docs/recipes/client-certificates.md, for another webhook."""
    authority = _authority()
    certificate, key = _issue(authority, _name("", CALLER), ())
    (folder / CALLERS).write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    _write(folder, "caller", certificate, key)
    shown = [each.text for each in fenced(_RECIPE) if each.text.startswith("apiVersion")]
    for name, text in zip((ADMISSION, "webhooks.yaml"), shown, strict=True):
        here = text.replace("/etc/kubernetes/admission", str(folder))
        (folder / name).write_text(here.replace("backup-webhook.backup-webhook.svc", SHOWN_TO))


def _name(organization: str, common: str) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _builder(subject: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALID)
    )


def _authority() -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("", "test-cluster")
    certificate = (
        _builder(name, name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _Authority(certificate, key)


def _issue(
    authority: _Authority, subject: x509.Name, hosts: tuple[str, ...]
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Sign a certificate: of a server with `hosts` (names, addresses), else a client's."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(subject, authority.certificate.subject)
        .public_key(key.public_key())
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    if hosts:
        names = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(authority.key, hashes.SHA256()), key


def _alternative(host: str) -> x509.GeneralName:
    if host[0].isdigit():
        return x509.IPAddress(ipaddress.ip_address(host))
    return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(_pem(key))


def _kubeconfig(folder: Path, name: str) -> str:
    """Return a kubeconfig (as JSON, which is YAML too) with everything inside it."""
    ca, certificate, key = (
        b64encode((folder / file).read_bytes()).decode()
        for file in ("ca.crt", f"{name}.crt", f"{name}.key")
    )
    user = {"client-certificate-data": certificate, "client-key-data": key}
    cluster = {"server": API_SERVER, "certificate-authority-data": ca}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
            "current-context": "test",
        }
    )
