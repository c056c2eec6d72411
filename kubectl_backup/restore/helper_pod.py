"""What an in-place restore needs: who objects, the pod that does it, a claim like another. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from contract import names
from kubectl_backup.workload import target

Json = dict[str, Any]

CONTAINER = "restore"
REPLICAS = "kubectl-backup/replicas"
"""Annotation of a workload that is scaled down for a restore: how many pods it had."""
WORKLOAD = "kubectl-backup/workload"
"""Annotation of the pod that restores: the workload whose volume it restores."""
_ROOTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID")
_ARGO = ("argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance")
_FLUX = ("kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name")
_FLUX_OFF = ("kustomize.toolkit.fluxcd.io/reconcile", "disabled")
_KEPT = ("securityContext", "imagePullSecrets", "nodeSelector", "tolerations", "runtimeClassName")


class RefusedError(Exception):
    """It must not be done; the text says why, and what to do."""


def claim(pod: target.Pod, volume: str) -> str:
    """Return the claim behind a volume that is backed up; raise RefusedError that names those."""
    backed = sorted({str(mount["name"]) for mount in _mounts(pod)})
    for each in pod["spec"].get("volumes") or ():
        if each["name"] == volume and volume in backed:
            found = (each.get("persistentVolumeClaim") or {}).get("claimName")
            if not found:
                raise RefusedError(f"volume {volume} is no claim: use --to-local")
            return str(found)
    raise RefusedError(f"{volume} is no volume that is backed up; there is {', '.join(backed)}")


def _mounts(pod: target.Pod) -> Iterator[Json]:
    for mount in (target.sidecar(pod) or {}).get("volumeMounts") or ():
        if str(mount["mountPath"]).startswith(f"{names.VOLUMES_DIR}/"):
            yield mount


def objection(workload: Json, scalers: Sequence[Json], *, suspended: bool) -> str:
    """Return why a workload must not be scaled down, and what to do; "" if nothing speaks against.

    ``suspended``: somebody has seen to it that nothing scales it back.
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
    return f"{who} may scale it back in the middle: suspend it, then add --suspended"


def users(pods: Sequence[target.Pod], claim: str, owner: target.Owner | None) -> list[str]:
    """Return the pods that mount a claim and do not belong to ``owner``."""
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


def twin(claim: Json, name: str) -> Json:
    """Return a new claim like ``claim``: its class, size and modes, and none of its data."""
    spec = claim["spec"]
    kept = ("accessModes", "storageClassName", "volumeMode", "resources")
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": claim["metadata"]["namespace"]},
        "spec": {key: deepcopy(spec[key]) for key in kept if spec.get(key) is not None},
    }


def helper(
    pod: target.Pod,
    volume: str,
    claim: str,
    host: str,
    argv: Sequence[str],
    *,
    root: bool,
) -> Json:
    """Return the pod that restores ``volume`` into ``claim``, made from the sidecar of ``pod``.

    It carries none of the workload's labels, so that no Service sends it anything, and nothing
    that asks for a backup. ``root``: it may give files to whom they belonged.
    """
    sidecar = target.sidecar(pod) or {}
    container: Json = {
        "name": CONTAINER,
        "image": sidecar["image"],
        "command": _absolute(argv),
        "env": list(_environment(sidecar.get("env") or (), pod, host)),
        "volumeMounts": list(_mounted(sidecar, volume)),
    }
    for key in ("envFrom", "imagePullPolicy", "resources", "securityContext"):
        if sidecar.get(key) is not None:
            container[key] = deepcopy(sidecar[key])
    for source in container.get("envFrom") or ():
        # One of an older sidecar has none; what it needs of the Secret, it reads from its files.
        source.setdefault("prefix", names.SECRET_PREFIX)
    spec: Json = {key: deepcopy(pod["spec"][key]) for key in _KEPT if pod["spec"].get(key)}
    if root:
        confined = container.setdefault("securityContext", {})
        confined |= {
            "runAsUser": 0, "runAsNonRoot": False,
            "capabilities": {"drop": ["ALL"], "add": list(_ROOTS)},
        }  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": pod["metadata"]["namespace"],
            "labels": {"app.kubernetes.io/managed-by": "kubectl-backup"},
        },
        "spec": {
            **spec,
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 10,
            "containers": [container],
            "volumes": list(_volumes(pod, volume, claim)),
        },
    }


def _absolute(argv: Sequence[str]) -> list[str]:
    """Return the words with our program's path, so that no PATH decides what is run."""
    first = names.RUNNER if argv[0] == names.RUNNER.rpartition("/")[2] else argv[0]
    return [first, *argv[1:]]


def _environment(given: Sequence[Json], pod: target.Pod, host: str) -> Iterator[Json]:
    """Yield the sidecar's environment; what the kubelet takes from the pod is the other pod's."""
    fixed = {
        names.ENV_POD: str(pod["metadata"]["name"]),
        names.ENV_NODE: str(pod["spec"].get("nodeName", "")),
        names.ENV_HOST: host,
    }
    if not any(each["name"] == "PATH" for each in given):  # an older sidecar's
        yield {"name": "PATH", "value": names.PATH}
    if all(each["name"] != names.ENV_RESTORE_COMMANDS for each in given):
        # What stands here, the Secret cannot set.
        yield {"name": names.ENV_RESTORE_COMMANDS, "value": ""}
    for each in given:
        if each["name"] in fixed:
            yield {"name": each["name"], "value": fixed[each["name"]].replace("$", "$$")}
        elif each["name"] != names.ENV_POD_INDEX:
            yield deepcopy(each)


def _mounted(sidecar: Mapping[str, Any], volume: str) -> Iterator[Json]:
    for mount in sidecar.get("volumeMounts") or ():
        if mount["name"] == volume:
            yield {**{key: mount[key] for key in mount if key != "readOnly"}}
        elif mount["name"] in names.OWN_VOLUMES:
            yield dict(mount)


def _volumes(pod: target.Pod, volume: str, claim: str) -> Iterator[Json]:
    for each in pod["spec"].get("volumes") or ():
        if each["name"] == volume:
            yield {"name": volume, "persistentVolumeClaim": {"claimName": claim}}
        elif each["name"] in names.OWN_VOLUMES:
            yield deepcopy(each)


def literal(name: str) -> str:
    """Return a pattern of restic's that matches this name alone."""
    return "".join(f"\\{letter}" if letter in "\\*?[" else letter for letter in name)


def may_be_root(pod: target.Pod, labels: Mapping[str, str]) -> bool:
    """Whether the namespace and the pod allow a container that is root."""
    level = labels.get("pod-security.kubernetes.io/enforce", "privileged")
    return level != "restricted" and not (pod["spec"].get("securityContext") or {}).get(
        "runAsNonRoot"
    )
