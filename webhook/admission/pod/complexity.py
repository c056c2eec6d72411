"""Limits on a pod's size: one pod must not delay all others. Pure.

The limits are far above real pods, and keep a decision far below the API server's timeout. Anyone
who reaches the webhook's port can send a pod, so nothing here relies on the API server's
validation.
"""

from collections.abc import Iterator
from typing import Any

from webhook.admission import pod_spec
from webhook.admission.pod_spec import Pod

CONTAINERS = 500
VOLUMES = 10_000
MOUNTS = 10_000
VARIABLES = 20_000
OWNERS = 100
TEXT = 256 * 1024
"""Characters of all annotations and labels, and of all volume paths."""
_PATHS = ("mountPath", "subPath", "subPathExpr")


def too_many(pod: Pod) -> str:
    """Return what the pod has too many of, with number and limit; "" if nothing.

    Raises AttributeError or TypeError for a pod with wrong types.
    """
    owners = pod_spec.metadata(pod).get("ownerReferences") or ()
    return _excess(
        ("containers", sum(1 for _ in pod_spec.containers(pod)), CONTAINERS),
        ("volumes", len(pod_spec.spec(pod).get("volumes") or ()), VOLUMES),
        ("volume mounts", _count(pod, "volumeMounts", "volumeDevices"), MOUNTS),
        ("environment variables", _count(pod, "env"), VARIABLES),
        ("owner references", len(owners), OWNERS),
        ("characters of volume paths", sum(_paths(pod)), TEXT),
    )


def too_long(pod: Pod) -> str:
    """Return by how much annotations and labels exceed the text limit; "" if they do not.

    Not even our status can be added to them.
    """
    return _excess(("characters of annotations and labels", sum(_texts(pod)), TEXT))


def _excess(*counts: tuple[str, int, int]) -> str:
    over = (f"{found} {what}, at most {most}" for what, found, most in counts if found > most)
    return next(over, "")


def _count(pod: Pod, *keys: str) -> int:
    return sum(
        len(container.get(key) or ()) for container in pod_spec.containers(pod) for key in keys
    )


def _texts(pod: Pod) -> Iterator[int]:
    for key in ("annotations", "labels"):
        for name, value in (pod_spec.metadata(pod).get(key) or {}).items():
            yield len(name) + _length(value)


def _paths(pod: Pod) -> Iterator[int]:
    for container in pod_spec.containers(pod):
        for mount in container.get("volumeMounts") or ():
            yield sum(_length(mount.get(key)) for key in _PATHS)


def _length(value: Any) -> int:  # noqa: ANN401 -- any JSON value
    return len(value) if isinstance(value, str) else 0 if value is None else len(str(value))
