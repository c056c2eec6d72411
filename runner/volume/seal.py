"""Seals what a restore leaves on a volume for the next start, by a key that no app knows. Pure.

Where we run as the app's own user, the app can write the same files. The key is derived from the
repository's password, so that only who could restore the files can say how far that has come.
"""

import hashlib
import hmac
import secrets

_SALT = b"backup-webhook"
_USE = b"what a restore leaves on a volume, 1"


class Seal:
    """Signs facts. Without a password nothing that was left before can be believed."""

    def __init__(self, password: bytes = b"") -> None:
        self._key = _derived(password) if password else secrets.token_bytes(32)

    def of(self, *facts: str | int) -> str:
        """Return the seal of these facts, in this order."""
        told = b"".join(_framed(str(fact)) for fact in facts)
        return hmac.digest(self._key, told, "sha256").hex()

    def holds(self, seal: object, *facts: str | int) -> bool:
        """Whether this is the seal of these facts."""
        text = seal if isinstance(seal, str) else ""
        return hmac.compare_digest(text.encode("utf-8", "replace"), self.of(*facts).encode())


def _framed(fact: str) -> bytes:
    raw = fact.encode("utf-8", "surrogatepass")
    return len(raw).to_bytes(8, "big") + raw


def _derived(password: bytes) -> bytes:
    """Return a key by HKDF (RFC 5869, SHA-256, one block)."""
    extracted = hmac.digest(_SALT, password, hashlib.sha256)
    return hmac.digest(extracted, _USE + b"\x01", hashlib.sha256)
