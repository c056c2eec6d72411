"""Turns additions into a JSON Patch that only adds.

The operations are built from the raw pod. A diff would be hundreds of times slower and drop unknown
fields. `patch_proof` proves that they apply and do nothing else.
"""

from webhook.admission import pod_spec, restore_plan
from webhook.admission.pod_spec import Pod
from webhook.admission.sidecar.container import Additions, Json


def operations(pod: Pod, additions: Additions) -> list[Json]:
    """Return the ``add`` operations that make ``additions``; parents may be absent or null."""
    return [
        *_init_containers(pod, additions),
        *_append(pod, "volumes", additions.volumes),
        *_append(pod, "imagePullSecrets", additions.pull_secrets),
        *_set(pod, "annotations", additions.annotations),
        *_set(pod, "labels", additions.labels),
    ]


def _init_containers(pod: Pod, additions: Additions) -> list[Json]:
    restorer, there = additions.restorer, pod_spec.spec(pod).get("initContainers")
    if restorer is None:
        return _append(pod, "initContainers", additions.containers)
    if not there:
        return _append(pod, "initContainers", (restorer, *additions.containers))
    return [insertion(there, restorer), *_append(pod, "initContainers", additions.containers)]


def insertion(init: list[Json], restorer: Json) -> Json:
    """Return the operation that puts ``restorer`` before what uses its volumes."""
    path = f"/spec/initContainers/{restore_plan.position(init, restorer)}"
    return {"op": "add", "path": path, "value": restorer}


def _append(pod: Pod, key: str, items: tuple[Json, ...]) -> list[Json]:
    if not items:
        return []
    if not pod_spec.spec(pod).get(key):
        return [{"op": "add", "path": f"/spec/{key}", "value": list(items)}]
    return [{"op": "add", "path": f"/spec/{key}/-", "value": item} for item in items]


def _set(pod: Pod, key: str, entries: dict[str, str]) -> list[Json]:
    if not entries:
        return []
    if not pod_spec.metadata(pod).get(key):
        return [{"op": "add", "path": f"/metadata/{key}", "value": entries}]
    return [
        {"op": "add", "path": f"/metadata/{key}/{_escaped(name)}", "value": value}
        for name, value in entries.items()
    ]


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
