"""Mutations of JSON that keep it JSON, with the names and values that the webhook reads."""

import copy
import random
from typing import Any

from contract import names
from contract.annotations import settings

_KEYS = (
    "name", "metadata", "spec", "annotations", "labels", "namespace", "ownerReferences", "kind",
    "controller", "apiVersion", "uid", "generateName", "containers", "initContainers", "volumes",
    "volumeMounts", "volumeDevices", "mountPath", "subPath", "subPathExpr", "readOnly", "env",
    "value", "valueFrom", "restartPolicy", "resources", "limits", "requests", "securityContext",
    "runAsUser", "runAsNonRoot", "fsGroup", "seLinuxOptions", "persistentVolumeClaim", "claimName",
    "emptyDir", "hostPath", "path", "projected", "sources", "os", "hostNetwork", "nodeName",
    "imagePullSecrets", "shareProcessNamespace", "terminationGracePeriodSeconds", "x/y~z", "",
    names.INJECTED_LABEL, names.STATUS_ANNOTATION, names.SAFE_TO_EVICT_ANNOTATION,
    *(each.annotation for each in settings.ALL),
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 1.5, 1e308, "", "x", "true", "false", "\u0000", "\x1b[2J",
    "\u202e", "ü" * 300, "$(X)", "$", "~1~0/", "/", "..", "a/../b", "data", "data:sub", "Always",
    "windows", "Pod", "ReplicaSet", "if-empty", "required", "postgres", "rclone", "off", "auto",
    "H * * * *", "61 * * * *", "@daily", "1Gi", "1e999", "-1Gi", "100m", "root", "1000:1000",
    "latest", "2026-01-01T00:00:00Z", '["a", "b"]', "backup", "backup-restore", "backup-state",
    "/backup/data", "[]", "{}", [], [None], [[]], ["x"], [{}], {}, {"": {}}, {"name": None},
    {"name": "backup"}, {"limits": {"cpu": "x"}}, {"cpu": 1},
)  # fmt: skip


def mutate(document: Any, chance: random.Random) -> None:  # noqa: ANN401 -- any JSON
    """Change some members of a JSON document in place."""
    for _ in range(chance.randint(1, 4)):
        places: list[tuple[Any, Any]] = []
        _collect(document, places)
        if not places:
            return
        holder, key = chance.choice(places)
        match chance.randrange(6):
            case 0 | 1:
                holder[key] = copy.deepcopy(chance.choice(_VALUES))
            case 2:
                del holder[key]
            case 3 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case 4:
                holder[key] = copy.deepcopy(_member(chance.choice(places)))
            case _ if isinstance(holder, dict):
                holder[chance.choice(_KEYS)] = copy.deepcopy(
                    _member(chance.choice(places))
                    if chance.randrange(2)
                    else chance.choice(_VALUES)
                )


def any_of(document: Any, chance: random.Random) -> Any:  # noqa: ANN401 -- any JSON
    """Return one value that is somewhere in a JSON document, or another one."""
    places: list[tuple[Any, Any]] = []
    _collect(document, places)
    return (
        _member(chance.choice(places)) if places and chance.randrange(2) else chance.choice(_VALUES)
    )


def _member(place: tuple[Any, Any]) -> Any:  # noqa: ANN401 -- any JSON
    holder, key = place
    return holder[key]


def _collect(value: Any, found: list[tuple[Any, Any]]) -> None:  # noqa: ANN401 -- any JSON
    """Add every member of every mapping and list, as its holder and key."""
    if isinstance(value, dict | list):
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            found.append((value, key))
            _collect(member, found)
