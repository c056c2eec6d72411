"""Labels and annotations of a namespace: its Pod Security level, pull Secrets and defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract import names
from contract.annotations import namespace as annotated
from contract.annotations.namespace import NOTHING, NamespaceDefaults

STRICTEST = "restricted"
LEVELS = ("privileged", "baseline", STRICTEST)
_ENFORCED = "pod-security.kubernetes.io/enforce"


@dataclass(frozen=True, slots=True)
class Namespace:
    """``level`` is the Pod Security level that it enforces, empty if it says none."""

    level: str = ""
    pull_secrets: tuple[str, ...] = ()
    defaults: NamespaceDefaults = NOTHING


def read(namespace: Mapping[str, Any]) -> Namespace:
    """Return the fields of a v1 Namespace; an unknown level is the strictest."""
    meta = namespace.get("metadata") or {}
    level = str((meta.get("labels") or {}).get(_ENFORCED) or "")
    given = meta.get("annotations") or {}
    named = str(given.get(names.PULL_SECRETS_ANNOTATION) or "")
    secrets = tuple(dict.fromkeys(named.replace(",", " ").split()))
    level = level if level in LEVELS or not level else STRICTEST
    return Namespace(level, secrets, annotated.read(given))
