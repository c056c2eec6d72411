"""How large a pod may be for the webhook to work on it: one pod must not hold up all others. Pure.

The limits are far above what clusters run, and below what takes a fraction of the time that the API
server waits. Anybody who reaches the webhook's port may send a pod, so that nothing here relies on
what the API server has checked.
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
    """Return what the pod has too many of, with their number and the limit; "" where of nothing.

    Raises what a pod of the wrong types leads to (AttributeError, TypeError).
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
    """Return how much more text its annotations and labels hold than can be; "" where they do not.

    Not even a word of ours can be added to them.
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
