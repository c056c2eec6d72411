"""Certificates of an authority that nobody else knows, for servers on loopback."""

from dataclasses import asdict, dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority, a server's certificate and key, and a client's, as PEM."""

    ca: str
    server: str
    server_key: str
    client: str
    client_key: str

    def write(self, folder: Path) -> dict[str, str]:
        """Write each into a file of its name; return their paths."""
        paths = {}
        for name, text in asdict(self).items():
            file = folder / f"{name}.pem"
            file.write_text(text)
            file.chmod(0o600)
            paths[name] = str(file)
        return paths


def make(*names: str) -> Certificates:
    """Return certificates of a new authority; the server's is for these names."""
    authority = trustme.CA()
    server, client = authority.issue_cert(*names), authority.issue_cert("client@example.com")
    return Certificates(
        authority.cert_pem.bytes().decode(),
        server.cert_chain_pems[0].bytes().decode(), server.private_key_pem.bytes().decode(),
        client.cert_chain_pems[0].bytes().decode(), client.private_key_pem.bytes().decode(),
    )  # fmt: skip
