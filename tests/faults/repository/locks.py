"""Locks as others leave them: of any age and host, made as restic makes them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults.repository import sealing
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
    key = sealing.master(sidecar.restic("cat", "masterkey", "--no-lock"))
    file = sealing.add(sidecar.repository / "locks", key.sealed(json.dumps(lock).encode()))
    assert holder.host in sidecar.restic("cat", "lock", file.name, "--no-lock")
    return file
