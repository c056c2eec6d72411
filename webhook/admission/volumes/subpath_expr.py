"""Resolves ``subPathExpr``, if that is possible before a pod has a node.

A folder that is unknown, or different for the next pod of the workload, would be an empty source
after every rollout. The pod's own name counts as known where its creator chose it: also when the
pod is looked at again after the API server has generated one.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

_VARIABLE = re.compile(r"\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")
_FIELDS = {"metadata.name": "name", "metadata.namespace": "namespace"}

Json = dict[str, Any]


def resolver(container: Json, metadata: Json) -> Callable[[Json], Json]:
    """Return what resolves the mounts of ``container``; it reads the environment at most once."""
    known = cache(lambda: _variables(container, metadata))
    return lambda mount: _resolved(mount, known) if mount.get("subPathExpr") else mount


def _resolved(mount: Json, known_now: Callable[[], Mapping[str, str]]) -> Json:
    """Return ``mount`` with a ``subPath`` for its ``subPathExpr``, or unchanged if unknown."""
    text, known = mount["subPathExpr"], known_now()
    parts = _VARIABLE.split(text)
    variables = [known.get(name, "") for name in parts[1::2]]
    if "$" in "".join(parts[::2]) or not all(variables):
        return mount
    parts[1::2] = variables
    folder = "".join(parts)
    if folder.startswith("/") or ".." in folder.split("/"):
        return mount  # the kubelet refuses it, and the API server would refuse ours
    rest = {key: value for key, value in mount.items() if key != "subPathExpr"}
    return {**rest, "subPath": folder}


def _variables(container: Json, metadata: Json) -> Mapping[str, str]:
    """Return what is known of the container's environment."""
    known: dict[str, str] = {}
    for entry in container.get("env") or []:
        source = (entry.get("valueFrom") or {}).get("fieldRef") or {}
        field = _FIELDS.get(source.get("fieldPath", ""))
        value = _field(metadata, field) if field else entry.get("value")
        # A later entry of the same name counts; "$" may stand for another variable.
        known[entry["name"]] = "" if "$" in (value or "") else value or ""
    return known


def _field(metadata: Json, field: str) -> str | None:
    name, prefix = metadata.get("name"), metadata.get("generateName")
    if field != "name" or not prefix or not name:
        return metadata.get(field)
    # A StatefulSet's pod has an ordinal for its suffix, a generated one has five letters.
    return name if re.fullmatch("[0-9]{1,4}", name.removeprefix(prefix)) else None
