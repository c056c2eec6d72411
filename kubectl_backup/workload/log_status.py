"""The status of a sidecar, read from the last lines of its log. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from contract import names

Known = Mapping[str, Any]
"""The output of `backup-runner status --json`."""


def status(lines: Iterable[bytes]) -> dict[str, Any] | None:
    """Return the newest status among these lines, or None.

    A run that began after it is in progress.
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
    """Whether a status, or a part of it, has the last success; older sidecars do not tell."""
    return bool(part.get("last_success") or part.get("last_success_known", True))


def tasks(known: Known) -> Mapping[str, Known]:
    """Return the maintenance tasks of a status, by name; older sidecars call them chores."""
    found = known.get("tasks", known.get("chores"))
    return found if isinstance(found, Mapping) else {}
