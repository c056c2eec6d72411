"""What must hold before anything is written into a claim."""

from collections.abc import Iterator, Sequence
from typing import Any

from contract import names
from kubectl_backup.cluster.api import Cluster, below
from kubectl_backup.workload import target
from kubectl_backup.workload.target import Owner

Json = dict[str, Any]

_ARGO = ("argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance")
_FLUX = ("kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name")
_FLUX_OFF = ("kustomize.toolkit.fluxcd.io/reconcile", "disabled")
_SCALERS = "autoscaling/v2"


class RefusedError(Exception):
    """The restore is refused; the message is the cause and the remedy."""


def claim(pod: target.Pod, volume: str) -> str:
    """Return the claim of a volume; raise RefusedError if it has none, or is not backed up."""
    backed = sorted({str(mount["name"]) for mount in _mounts(pod)})
    for each in pod["spec"].get("volumes") or ():
        if each["name"] == volume and volume in backed:
            found = (each.get("persistentVolumeClaim") or {}).get("claimName")
            if not found:
                raise RefusedError(
                    f"volume {volume} is not a persistent volume claim: use --to-local"
                )
            return str(found)
    raise RefusedError(f"volume {volume} is not backed up; backed up: {', '.join(backed)}")


def _mounts(pod: target.Pod) -> Iterator[Json]:
    for mount in (target.sidecar(pod) or {}).get("volumeMounts") or ():
        if str(mount["mountPath"]).startswith(f"{names.VOLUMES_DIR}/"):
            yield mount


def objection(workload: Json, scalers: Sequence[Json], *, suspended: bool) -> str:
    """Return why a workload must not be scaled down, and what to do; "" if it may be.

    ``suspended``: the person has suspended whatever could scale it up again.
    """
    kind, meta = str(workload.get("kind")), workload["metadata"]
    retention = workload["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    if retention.get("whenScaled") == "Delete":
        return (
            "its persistentVolumeClaimRetentionPolicy deletes the claims when it is scaled down: "
            "set whenScaled to Retain first"
        )
    marks = {**(meta.get("labels") or {}), **(meta.get("annotations") or {})}
    who = "Argo CD" if any(key in marks for key in _ARGO) else ""
    if any(key in marks for key in _FLUX) and marks.get(_FLUX_OFF[0]) != _FLUX_OFF[1]:
        who = "Flux"
    for each in meta.get("ownerReferences") or ():
        if each.get("controller"):
            who = f"its controller {each['kind']}/{each['name']}"
    for each in scalers:
        reference = each["spec"].get("scaleTargetRef") or {}
        if (reference.get("kind"), reference.get("name")) == (kind, meta["name"]):
            who = f"HorizontalPodAutoscaler {each['metadata']['name']}"
    if not who or suspended:
        return ""
    return f"{who} may scale it up during the restore: suspend it, then add --suspended"


def users(pods: Sequence[target.Pod], claim: str, owner: target.Owner | None) -> list[str]:
    """Return the names of running pods of others than ``owner`` that mount a claim."""
    return sorted(
        str(pod["metadata"]["name"])
        for pod in pods
        if (owner is None or target.owner(pod) != owner)
        and (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
        and claim in _claims(pod)
    )


def _claims(pod: target.Pod) -> set[str]:
    volumes = pod["spec"].get("volumes") or ()
    return {(each.get("persistentVolumeClaim") or {}).get("claimName", "") for each in volumes}


def refuse_scaled(cluster: Cluster, owner: Owner, workload: Json, *, suspended: bool) -> None:
    """Raise RefusedError if a workload must not be scaled down."""
    space = str(workload["metadata"]["namespace"])
    path = below(space, "horizontalpodautoscalers", group=_SCALERS)
    scalers = [] if suspended else cluster.items(path)
    if why := objection({"kind": owner.kind, **workload}, scalers, suspended=suspended):
        raise RefusedError(f"{owner}: {why}")


def refuse_users(cluster: Cluster, namespace: str, claim: str, owner: Owner | None) -> None:
    """Raise RefusedError if a pod of others than ``owner`` uses a claim."""
    if others := users(cluster.pods(namespace), claim, owner):
        who = ", ".join(others)
        raise RefusedError(f"the claim {claim} is in use by pod {who}: stop it first")
