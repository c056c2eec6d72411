"""Authenticates the maintenance job's state in a repository that others can write to. Pure.

Whoever has the repository's password can add a snapshot with any host, tag and time. The job's own
state counts only with a tag that needs a key which they lack: it is derived from all credentials
of the job's Secret, or from BACKUP_MAINTENANCE_KEY.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

KEY = "BACKUP_MAINTENANCE_KEY"
TAG = "seal="
_CREDENTIALS = re.compile(
    r"RESTIC_(REPOSITORY|PASSWORD|REST_USERNAME|REST_PASSWORD)|SFTP_KEY"
    r"|(AWS|AZURE|B2|GOOGLE|OS|ST|RCLONE_CONFIG)_.*"
)
_CHANGING = {"AWS_SESSION_TOKEN"}
_TAG = re.compile(r"seal=([0-9]{1,20})\.([0-9a-f]{64})\.([0-9a-f]{64})")
# The tag is in the repository, where others could try keys against it: each try is to be dear.
_COST = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 1 << 26}
_SALT = b"backup-webhook maintenance"


def material(variables: Mapping[str, str]) -> bytes:
    """Return what the key is derived from, of the Secret's variables."""
    if own := variables.get(KEY, "").strip():
        return own.encode("utf-8", "surrogateescape")
    used = {
        name: text
        for name, text in sorted(variables.items())
        if _CREDENTIALS.fullmatch(name) and name not in _CHANGING
    }
    return json.dumps(used).encode()


def key(secret: bytes) -> bytes:
    """Return the key; this takes a tenth of a second and 32 MiB on purpose."""
    return hashlib.scrypt(secret, salt=_SALT, dklen=32, **_COST)


def tag(key: bytes, number: int, content: bytes) -> str:
    """Return the tag of a snapshot that holds ``content``; of two, the higher number is newer."""
    digest = hashlib.sha256(content).hexdigest()
    return f"{TAG}{number}.{digest}.{_mac(key, number, digest)}"


def number(key: bytes, tags: tuple[str, ...]) -> int:
    """Return the number in an authentic tag; 0 if there is none."""
    return _authentic(key, tags).number


def fits(key: bytes, tags: tuple[str, ...], content: bytes) -> bool:
    """Whether a snapshot with these tags is authentic and holds ``content``."""
    said = _authentic(key, tags)
    return bool(said.number) and hmac.compare_digest(
        said.digest, hashlib.sha256(content).hexdigest()
    )


@dataclass(frozen=True, slots=True)
class _Authentic:
    """The content of an authentic tag; 0 and "" if there is none."""

    number: int = 0
    digest: str = ""


def _authentic(key: bytes, tags: tuple[str, ...]) -> _Authentic:
    for each in tags:
        if match := _TAG.fullmatch(each):
            found, digest, mac = int(match[1]), match[2], match[3]
            if hmac.compare_digest(mac, _mac(key, found, digest)):
                return _Authentic(found, digest)
    return _Authentic()


def _mac(key: bytes, number: int, digest: str) -> str:
    return hmac.new(key, f"{number}.{digest}".encode(), hashlib.sha256).hexdigest()
