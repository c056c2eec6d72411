"""Files as restic seals them, by its design document, and a repository that opens at once."""

import base64
import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.poly1305 import Poly1305

_N, _R, _P = 2, 8, 1  # of scrypt; restic's own take half a second and 60 MiB each time


@dataclass(frozen=True, slots=True)
class Key:
    """What seals: 32, 16 and 16 bytes."""

    encrypt: bytes
    k: bytes
    r: bytes

    def sealed(self, text: bytes) -> bytes:
        """Encrypt by AES-256-CTR, with Poly1305-AES over that."""
        nonce = os.urandom(16)
        hidden = Cipher(AES(self.encrypt), CTR(nonce)).encryptor().update(text)
        once = Cipher(AES(self.k), ECB()).encryptor().update(nonce)  # noqa: S305 -- one block
        return nonce + hidden + Poly1305.generate_tag(self.r + once, hidden)


def master(text: str) -> Key:
    """Read what `restic cat masterkey` says."""
    known = json.loads(text)
    words = (known["encrypt"], known["mac"]["k"], known["mac"]["r"])
    return Key(*map(base64.b64decode, words))


def add(folder: Path, content: bytes) -> Path:
    """Add a file to a folder of a repository, named by its hash as all of them are."""
    file = folder / hashlib.sha256(content).hexdigest()
    file.write_bytes(content)
    return file


def make_quick(repository: Path, password: str) -> None:
    """Make a repository whose one key is derived from the password in no time.

    restic opens it as any other; tests open theirs thousands of times.
    """
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(repository.parent),
        "RESTIC_REPOSITORY": str(repository), "RESTIC_PASSWORD": password,
    }  # fmt: skip

    def restic(*words: str) -> str:
        command = ("restic", "--no-cache", "--quiet", *words)
        return subprocess.run(
            command, env=environment, text=True, capture_output=True, check=True
        ).stdout

    restic("init")
    own = restic("cat", "masterkey", "--no-lock")
    (slow,) = (repository / "keys").iterdir()
    add(repository / "keys", _quick_key(own, password))
    slow.unlink()
    restic("cat", "config", "--no-lock")


def _derived(password: str, salt: bytes) -> Key:
    found = Scrypt(salt=salt, length=64, n=_N, r=_R, p=_P).derive(password.encode())
    return Key(found[:32], found[32:48], found[48:])


def _quick_key(own: str, password: str) -> bytes:
    salt = os.urandom(64)
    sealed = _derived(password, salt).sealed(own.strip().encode())
    known = {
        "created": "2026-01-01T00:00:00Z", "username": "root", "hostname": "tests",
        "kdf": "scrypt", "N": _N, "r": _R, "p": _P,
        "salt": base64.b64encode(salt).decode(), "data": base64.b64encode(sealed).decode(),
    }  # fmt: skip
    return json.dumps(known).encode()
