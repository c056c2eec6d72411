"""Passes what the init container read from the repository to the sidecar, in the state volume.

The sidecar may run as another user, and trusts only data that fits.
"""

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from contract import names
from contract.snapshots import Snapshot, read
from runner.config.model import Config
from runner.restic import snapshots

_LONGEST = 1 << 18  # bytes
_AHEAD = 300  # seconds by which clocks of two containers may differ

Json = dict[str, Any]


def leave(folder: Path, config: Config, found: list[Snapshot], now: float) -> None:
    """Leave the newest of this workload's snapshots; raise OSError if that is impossible."""
    known = {
        "host": config.identity.host, "tags": list(config.identity.tags), "read": now,
        "snapshots": list(map(_said, snapshots.newest(found))),
    }  # fmt: skip
    part = folder / f"{names.HANDOVER_FILE}.part"
    part.unlink(missing_ok=True)  # another user's cannot be written to
    with part.open("x", encoding="utf-8", errors="backslashreplace") as file:
        os.fchmod(file.fileno(), 0o644)
        json.dump(known, file)
    part.replace(folder / names.HANDOVER_FILE)


def take(folder: Path, config: Config, now: float) -> list[Snapshot] | None:
    """Return the snapshots that were left, and remove them; None if nothing can be believed."""
    path = folder / names.HANDOVER_FILE
    try:
        known = json.loads(_text(path))
    except (OSError, ValueError, RecursionError):
        return None
    finally:
        with suppress(OSError):
            path.unlink()
    if not isinstance(known, dict) or not isinstance(known.get("snapshots"), list):
        return None
    own = config.identity
    same = (known.get("host"), known.get("tags")) == (own.host, list(own.tags))
    when = known.get("read")
    if not same or not isinstance(when, int | float) or not 0 < when <= now + _AHEAD:
        return None
    found = known["snapshots"]
    return list(map(read, found)) if all(_fits(each, now) for each in found) else None


def _said(snapshot: Snapshot) -> Json:
    """Return the fields of a snapshot that are read, as restic lists it, without file names."""
    counts = {"total_files_processed": snapshot.files, "total_bytes_processed": snapshot.bytes}
    return {
        "time": snapshot.time.isoformat(), "tags": list(snapshot.tags),
        "summary": {key: count for key, count in counts.items() if count is not None},
    }  # fmt: skip


def _text(path: Path) -> str:
    """Return the text of a regular file of bounded size; raise OSError or ValueError."""
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(number, "rb") as file:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LONGEST:
            raise ValueError("not written by the runner")
        return file.read(_LONGEST).decode("utf-8")


def _fits(snapshot: object, now: float) -> bool:
    """Whether it is a past snapshot in restic's form."""
    if not isinstance(snapshot, dict):
        return False
    made, tags = read(snapshot), snapshot.get("tags")
    in_past = made.is_dated and 0 < made.time.timestamp() <= now + _AHEAD
    are_texts = isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)
    return in_past and are_texts and isinstance(snapshot.get("summary", {}), dict)
