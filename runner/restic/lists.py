"""Lists that restic answers with, as JSON arrays. Pure."""

import json
from typing import Any

from contract import snapshots
from contract.snapshots import Snapshot


def array(text: str) -> list[dict[str, Any]]:
    """Return the objects of a JSON array; none if the text is not one."""
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def of_snapshots(text: str) -> list[Snapshot]:
    """Return the snapshots that `restic snapshots --json` lists."""
    return list(map(snapshots.read, array(text)))
