"""Which containers of a pod are ours, even after another webhook has changed them."""

from collections.abc import Mapping
from typing import Any

from contract import coverage, names


def is_restorer(container: Mapping[str, Any]) -> bool:
    """Whether this is our init container, even with parts removed."""
    mounted = {mount.get("name") for mount in container.get("volumeMounts") or []}
    return container.get("name") == names.RESTORE_CONTAINER and names.STATE_VOLUME in mounted


def is_ours(container: Mapping[str, Any]) -> bool:
    """Whether this is one of our two containers."""
    return coverage.is_sidecar(container) or is_restorer(container)
