"""Facts about a pod: its owner, its QoS class, who mounts a volume.

Pods are raw dicts, because typed models drop unknown fields.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from contract import coverage, names
from contract.annotations import quantity
from contract.workloads import owners

Pod = dict[str, Any]
"""A v1 Pod as parsed from JSON; any list or mapping in it may be absent or null."""

_SHARING = {"Deployment", "Rollout", "ReplicaSet", "Job", "CronJob"}  # pods by one template
_LONGEST = 512  # characters of a name, uid or kind


@dataclass(frozen=True, slots=True)
class Identity:
    """Identity of a workload's backups. ``host`` may contain ``$(VAR)`` that the kubelet
    expands.
    """

    kind: str
    workload: str
    host: str


def metadata(pod: Pod) -> dict[str, Any]:
    """Return the pod's metadata, empty if there is none."""
    return pod.get("metadata") or {}


def annotations(pod: Pod) -> Mapping[str, object]:
    """Return the pod's annotations, empty if there are none."""
    return metadata(pod).get("annotations") or {}


def spec(pod: Pod) -> dict[str, Any]:
    """Return the pod's spec, empty if there is none."""
    return pod.get("spec") or {}


def containers(pod: Pod) -> Iterator[dict[str, Any]]:
    """Yield the app's containers, then its init containers and sidecars."""
    yield from spec(pod).get("containers") or []
    yield from spec(pod).get("initContainers") or []


def identity(pod: Pod, name: str | None) -> Identity:
    """Return the workload of a pod from its owners and labels.

    ``name`` overrides the host; also the workload, where each run or pod has another name. It does
    not override the name of a Deployment, say: a neighbour could take its backups over by it.
    """
    meta = metadata(pod)
    found = owners.workload(meta)
    if found is None:
        own = str(meta.get("name") or (meta.get("generateName") or "").rstrip("-"))
        return Identity("Pod", name or own, name or own)
    if found.kind == "StatefulSet":
        host = f"{name}-{_ordinal(meta)}" if name else f"$({names.ENV_POD})"
    elif found.kind == "DaemonSet":
        host = f"{name or found.name}-$({names.ENV_NODE})"
    elif name or found.kind in _SHARING or found != owners.controller(meta):
        host = name or found.name
    else:
        host = f"$({names.ENV_POD})" if _has_own_data(pod) else found.name
    workload = name if name and found.kind in owners.RUNS else found.name
    return Identity(found.kind, workload, host)


def _ordinal(meta: Mapping[str, Any]) -> str:
    """Return the ordinal of a StatefulSet's pod, or the variable for it.

    Controllers other than Kubernetes' own leave out the label that the kubelet reads.
    """
    if "apps.kubernetes.io/pod-index" not in (meta.get("labels") or {}):
        number = str(meta.get("name") or "").rpartition("-")[2]
        if number.isdecimal():
            return number
    return f"$({names.ENV_POD_INDEX})"


def _has_own_data(pod: Pod) -> bool:
    """Whether an operator named the pod, or a claim after it: it then has its own data.

    Other names change with each replacement pod.
    """
    meta = metadata(pod)
    if owners.names_its_pods(meta):
        return True
    own = str(meta.get("name") or "")
    return bool(own) and any(own in claim for claim in coverage.claims(pod).values())


class Owner(NamedTuple):
    """Who creates a pod: its controller, or the pod itself by its name where there is none.

    ``kind`` is the group and the kind, such as `apps/ReplicaSet`. All of it is as the pod says.
    """

    namespace: str
    kind: str = ""
    uid: str = ""
    name: str = ""

    @property
    def is_plausible(self) -> bool:
        """Whether an API server would accept these: it limits most, and we must store them."""
        return max(map(len, self)) <= _LONGEST


def owner(pod: Pod, namespace: str) -> Owner:
    """Return who creates the pod."""
    meta = metadata(pod)
    if not isinstance(meta, dict):
        return Owner(namespace)
    references = meta.get("ownerReferences")
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, dict) and reference.get("controller") and reference.get("uid"):
            group = str(reference.get("apiVersion") or "").rpartition("/")[0]
            kind = f"{group}/{reference.get('kind') or ''}"
            return Owner(namespace, kind, str(reference["uid"]))
    return Owner(namespace, name=str(meta.get("generateName") or meta.get("name") or ""))


def has_resources(pod: Pod) -> bool:
    """Whether the pod has pod-level resources, which apply to all its containers."""
    own = spec(pod).get("resources") or {}
    return bool(own.get("requests") or own.get("limits"))


def is_guaranteed(pod: Pod) -> bool:
    """Whether every container requests exactly its CPU and memory limits."""
    return all(_is_guaranteed(container) for container in containers(pod))


def _is_guaranteed(container: Mapping[str, Any]) -> bool:
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    return all(
        limits.get(resource) is not None
        and quantity.parse(str(limits[resource])) > 0
        and quantity.parse(str(requests.get(resource, limits[resource])))
        == quantity.parse(str(limits[resource]))
        for resource in ("cpu", "memory")
    )


def limits_ephemeral_storage(pod: Pod) -> bool:
    """Whether a container limits ephemeral storage, which limits the pod's emptyDirs too."""
    return any(
        "ephemeral-storage" in ((container.get("resources") or {}).get("limits") or {})
        for container in containers(pod)
    )


def mounting(pod: Pod, volumes: set[str]) -> list[dict[str, Any]]:
    """Return the containers that mount one of ``volumes``, the app's first."""
    return [
        container
        for container in containers(pod)
        if any(mount.get("name") in volumes for mount in container.get("volumeMounts") or [])
    ]
