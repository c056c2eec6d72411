"""Where certificates come from and how long they last. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from certs.rotation import Lifetimes


class Mode(StrEnum):
    """Where certificates come from."""

    SELF = "self"
    CERT_MANAGER = "cert-manager"
    EXISTING = "existing"


@dataclass(frozen=True, slots=True)
class Settings:
    """The server listens on ``host`` and ``port``, and is reached as ``service``.

    ``secret`` (in ``namespace``), ``configuration`` and ``times`` count in mode `self`, ``chain``
    and ``key``, paths of PEM files, in the two others.
    """

    mode: Mode
    service: str
    namespace: str
    host: str
    port: int
    secret: str = "backup-webhook-ca"  # noqa: S105 -- a name
    configuration: str = "backup-webhook"
    times: Lifetimes = field(default_factory=Lifetimes)
    chain: Path = Path("/tls/tls.crt")
    key: Path = Path("/tls/tls.key")
