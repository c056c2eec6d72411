"""The pod that restores into a claim, and a claim like another. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from contract import names
from contract.annotations import settings
from kubectl_backup.workload import target

Json = dict[str, Any]

CONTAINER = "restore"
REPLICAS = "kubectl-backup/replicas"
"""Annotation of a workload that is scaled down for a restore: its number of replicas before."""
WORKLOAD = "kubectl-backup/workload"
"""Annotation of the pod that restores: the workload whose volume it restores."""
_ROOTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID")
_KEPT = ("securityContext", "imagePullSecrets", "nodeSelector", "tolerations", "runtimeClassName")


def twin(claim: Json, name: str) -> Json:
    """Return an empty claim of the same class, size and modes as ``claim``."""
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

    It has none of the workload's labels, so no Service selects it, and is never backed up itself.
    ``root``: it may restore the owners of files.
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
        # An older sidecar has none; it reads what it needs of the Secret from files.
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
            "annotations": {settings.ENABLED.annotation: "false"},  # where all pods are backed up
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
    """Return the command with our program's absolute path, so that PATH does not matter."""
    first = names.RUNNER if argv[0] == names.RUNNER.rpartition("/")[2] else argv[0]
    return [first, *argv[1:]]


def _environment(given: Sequence[Json], pod: target.Pod, host: str) -> Iterator[Json]:
    """Yield the sidecar's environment; downward API values are those of the sidecar's pod."""
    fixed = {
        names.ENV_POD: str(pod["metadata"]["name"]),
        names.ENV_NODE: str(pod["spec"].get("nodeName", "")),
        names.ENV_HOST: host,
    }
    if not any(each["name"] == "PATH" for each in given):  # an older sidecar's
        yield {"name": "PATH", "value": names.PATH}
    if all(each["name"] != names.ENV_RESTORE_COMMANDS for each in given):
        # The Secret cannot set a variable that is set here.
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
    """Return the pattern of restic that matches only this name."""
    return "".join(f"\\{letter}" if letter in "\\*?[" else letter for letter in name)


def may_be_root(pod: target.Pod, labels: Mapping[str, str]) -> bool:
    """Whether the namespace and the pod allow a container to run as root."""
    level = labels.get("pod-security.kubernetes.io/enforce", "privileged")
    return level != "restricted" and not (pod["spec"].get("securityContext") or {}).get(
        "runAsNonRoot"
    )
