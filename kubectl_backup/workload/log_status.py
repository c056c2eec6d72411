"""The status of a sidecar as the last lines of its log tell it. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from contract import names

Known = Mapping[str, Any]
"""What `backup-runner status --json` says."""


def status(lines: Iterable[bytes]) -> dict[str, Any] | None:
    """Return what the newest status line says; None where there is none among these.

    A run that began after it is under way.
    """
    known: dict[str, Any] | None = None
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if not isinstance(said, dict):
            continue
        found = said.get(names.STATUS_FIELD)
        if said.get("message") == names.STATUS_MESSAGE and isinstance(found, dict):
            known = found
        elif known is not None and said.get("message") == names.STARTED_MESSAGE:
            known = {**known, "running_since": said.get("time")}
    return known


def is_known(part: Known) -> bool:
    """Whether a status, or a part of it, knows of the last success; older sidecars do not say."""
    return bool(part.get("last_success") or part.get("last_success_known", True))


def tasks(known: Known) -> Mapping[str, Known]:
    """Return the maintenance tasks of a status, by name; older sidecars call them chores."""
    found = known.get("tasks", known.get("chores"))
    return found if isinstance(found, Mapping) else {}
