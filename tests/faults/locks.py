"""Locks as others leave them: of any age and host, made as restic makes them."""

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.poly1305 import Poly1305

from tests.integration.sidecars import Sidecar

_NOBODY = (1 << 22) + 1  # beyond what Linux gives


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, and since when. ``pid`` should be of nobody: restic sends it signals."""

    host: str
    minutes: float = 0
    exclusive: bool = True
    pid: int = _NOBODY


def leave(sidecar: Sidecar, holder: Holder) -> Path:
    """Leave a lock in the sidecar's repository, which lies in a folder; return its file."""
    began = datetime.now(UTC) - timedelta(minutes=holder.minutes)
    lock: dict[str, object] = {
        "time": began.isoformat(), "exclusive": holder.exclusive, "hostname": holder.host,
        "username": "root", "pid": holder.pid, "uid": 0, "gid": 0,
    }  # fmt: skip
    sealed = _sealed(json.loads(sidecar.restic("cat", "masterkey", "--no-lock")), lock)
    file = sidecar.repository / "locks" / hashlib.sha256(sealed).hexdigest()
    file.write_bytes(sealed)
    assert holder.host in sidecar.restic("cat", "lock", file.name, "--no-lock")
    return file


def _sealed(key: dict[str, object], lock: dict[str, object]) -> bytes:
    """Encrypt as restic's design document says: AES-256-CTR, and Poly1305-AES over that."""
    nonce = os.urandom(16)
    hidden = Cipher(AES(_bytes(key["encrypt"])), CTR(nonce)).encryptor()
    text = hidden.update(json.dumps(lock).encode())
    mac = key["mac"]
    assert isinstance(mac, dict)
    once = Cipher(AES(_bytes(mac["k"])), ECB()).encryptor().update(nonce)  # noqa: S305 -- one block
    return nonce + text + Poly1305.generate_tag(_bytes(mac["r"]) + once, text)


def _bytes(text: object) -> bytes:
    return base64.b64decode(str(text))
