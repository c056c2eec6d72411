"""Who may ask: whose certificates are required, and what a broken file changes."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs import authority
from webhook.config.client_certificates import AuthorityError, Clients


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An authority of clients."""
    made = tmp_path / "ca.crt"
    made.write_bytes(_new())
    return made


def _new() -> bytes:
    return authority.pem(authority.new_ca(datetime.now(UTC), timedelta(days=1)).certificate)


@pytest.mark.parametrize(
    ("names", "certificate", "are"),
    [
        ((), {"subject": ((("commonName", "any"),),)}, True),
        (("api",), {"subject": ((("commonName", "api"),),)}, True),
        (("api",), {"subjectAltName": (("DNS", "api"),)}, True),
        (("api",), {"subject": ((("commonName", "other"),),)}, False),
        (("api",), {"subject": ((("organizationName", "api"),),)}, False),
        (("api",), None, False),
    ],
)
def test_a_client_certificate_has_an_allowed_name(
    file: Path, names: tuple[str, ...], certificate: dict[str, object] | None, *, are: bool
) -> None:
    assert Clients(file, frozenset(names)).are_of(certificate) is are


def test_a_client_certificate_is_required_and_a_changed_ca_is_logged_once(file: Path) -> None:
    clients = Clients(file)
    assert (clients.refresh(), clients.refresh()) == (True, False)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    clients.require(context)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] == 1

    file.write_bytes(_new())
    assert clients.refresh()


def test_an_invalid_ca_file_is_named_and_the_last_one_stays_trusted(file: Path) -> None:
    clients = Clients(file)
    clients.refresh()
    file.write_text("no certificate")

    with pytest.raises(AuthorityError, match="not a file of PEM certificates"):
        clients.refresh()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    clients.require(context)
    assert context.cert_store_stats()["x509_ca"] == 1
