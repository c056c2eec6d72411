"""Client certificates: restricts callers beyond network access."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class AuthorityError(ValueError):
    """The file contains no certificates; the message is the cause."""


@dataclass(slots=True)
class Clients:
    """Accepts clients with a certificate signed by a CA in ``authority``, a PEM file.

    ``names``: only certificates of one of these common names or DNS names; empty is all.
    """

    authority: Path
    names: frozenset[str] = frozenset()
    _trusted: str = field(default="", compare=False)

    def refresh(self) -> bool:
        """Read the file; return whether others are trusted now.

        Raise AuthorityError, and trust whom it trusted before, where it holds no certificates.
        """
        try:
            text = self.authority.read_bytes().decode("ascii", "ignore")  # comments
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=text)
        except (ssl.SSLError, ValueError, OSError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise AuthorityError(f"not a file of PEM certificates ({why})") from error
        is_new, self._trusted = text != self._trusted, text
        return is_new

    def require(self, context: ssl.SSLContext) -> None:
        """Make a new ``context`` refuse every handshake of other clients."""
        context.load_verify_locations(cadata=self._trusted)
        context.verify_mode = ssl.CERT_REQUIRED
        # A ticket would outlive the trust in the certificate that it was given for.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET

    def are_of(self, certificate: Mapping[str, Any] | None) -> bool:
        """Whether a verified certificate, as Python's ssl describes it, is of one of the names."""
        return not self.names or not self.names.isdisjoint(_names(certificate or {}))


def _names(certificate: Mapping[str, Any]) -> Iterator[str]:
    for part in certificate.get("subject", ()):
        yield from (text for key, text in part if key == "commonName")
    yield from (text for kind, text in certificate.get("subjectAltName", ()) if kind == "DNS")
