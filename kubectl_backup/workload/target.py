"""Finds the pods of a workload such as ``deploy/wiki``. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract import coverage, names
from contract.annotations import settings
from contract.annotations.namespace import NamespaceDefaults, Policy
from contract.coverage import Default
from contract.workloads import owners
from contract.workloads.left_out import LEFT_OUT

Pod = dict[str, Any]

_KINDS = {
    "Pod": ("po", "pod", "pods"),
    "Deployment": ("deploy", "deployment", "deployments"),
    "StatefulSet": ("sts", "statefulset", "statefulsets"),
    "DaemonSet": ("ds", "daemonset", "daemonsets"),
    "ReplicaSet": ("rs", "replicaset", "replicasets"),
    "Rollout": ("ro", "rollout", "rollouts"),
    "Job": ("job", "jobs"),
    "CronJob": ("cj", "cronjob", "cronjobs"),
    "DeploymentConfig": ("dc", "deploymentconfig", "deploymentconfigs"),
    "Service": ("ksvc", "kservice", "kservices"),  # of Knative: no other kind has pods
    "CloneSet": ("clone", "cloneset", "clonesets"),
    "Workflow": ("wf", "workflow", "workflows"),
    "CronWorkflow": ("cwf", "cronwf", "cronworkflow", "cronworkflows"),
}
_BY_WORD = {word: kind for kind, words in _KINDS.items() for word in words}
_GIVEN_NAME = settings.NAME.annotation
_FINISHED = {"Succeeded", "Failed"}


class TargetError(Exception):
    """A reference matches no pod or several workloads; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The workload of a pod; a pod without a controller is its own."""

    kind: str
    name: str

    def __str__(self) -> str:
        word = {"Job": "job", "Pod": "pod", "CronJob": "cronjob"}.get(self.kind)
        return f"{word or _KINDS.get(self.kind, (self.kind.lower(),))[0]}/{self.name}"


@dataclass(frozen=True, slots=True)
class Reference:
    """A workload as typed; ``kind`` is "" for a bare name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return str(Owner(self.kind, self.name)) if self.kind else self.name


def parse(text: str) -> Reference:
    """Parse ``KIND/NAME`` or a bare name; raise TargetError if it is neither."""
    word, slash, name = text.partition("/")
    if not slash:
        name, word = word, ""
    kind = _BY_WORD.get(word.lower().partition(".")[0], "")
    if not name or "/" in name or (slash and not kind):
        raise TargetError(f"{text!r} is not a workload; write deploy/wiki, sts/db, pod/x or a name")
    return Reference(kind, name)


def owner(pod: Pod) -> Owner:
    """Return what a pod belongs to, through all its revisions."""
    found = owners.workload(pod["metadata"])
    return Owner(found.kind, found.name) if found else Owner("Pod", str(pod["metadata"]["name"]))


def asks(pod: Pod) -> bool:
    """Whether a pod has our sidecar or requests one, even with an invalid value."""
    return sidecar(pod) is not None or coverage.asks(pod)


def wants(pod: Pod) -> bool:
    """Whether a pod requests backups with a valid value."""
    try:
        return settings.enabled(annotations(pod))
    except ValueError:
        return False


def default(pod: Pod, namespace: NamespaceDefaults) -> Default:
    """Return what holds by default for a pod that says nothing, where namespaces may decide.

    Whether they may is a value of the chart, which is unknown here.
    """
    policy = Policy.ANNOTATED if namespace.enabled is None else Policy.NAMESPACES
    return coverage.default(pod, namespace, policy, LEFT_OUT)


def annotations(pod: Pod) -> Mapping[str, str]:
    """Return a pod's annotations."""
    return pod["metadata"].get("annotations") or {}


def sidecar(pod: Pod) -> dict[str, Any] | None:
    """Return the container that was injected into a pod, or None."""
    found = coverage.sidecar(pod)
    return None if found is None else dict(found)


def running(pod: Pod) -> bool:
    """Whether a pod's sidecar runs."""
    return "running" in (sidecar_status(pod).get("state") or {})


def sidecar_status(pod: Pod) -> Mapping[str, Any]:
    """Return the status of a pod's sidecar container; empty if there is none."""
    statuses = (pod.get("status") or {}).get("initContainerStatuses") or ()
    return next((each for each in statuses if each.get("name") == names.CONTAINER), {})


def lasting(pod: Pod) -> bool:
    """Whether a pod has not ended and is not being deleted."""
    phase = (pod.get("status") or {}).get("phase")
    return phase not in _FINISHED and not pod["metadata"].get("deletionTimestamp")


def matching(reference: Reference, pods: Iterable[Pod], place: str) -> list[Pod]:
    """Return the pods of a workload, active ones with a running sidecar first.

    ``place`` is where ``pods`` are, in words. Raise TargetError if the name matches several
    workloads or none.
    """
    pods = list(pods)
    found = [pod for pod in pods if _means(reference, pod)]
    whose = sorted({str(_whose(pod)) for pod in found})
    if len(whose) > 1:
        raise TargetError(f"{reference.name} matches more than one workload: write {_or(whose)}")
    if not found:
        raise TargetError(_nothing(reference, pods, place))
    return sorted(found, key=lambda pod: (not lasting(pod), not running(pod), _name(pod)))


def apart(pod: Pod) -> bool:
    """Whether each pod of its workload has its own backups."""
    return owner(pod).kind in {"StatefulSet", "DaemonSet"}


def _means(reference: Reference, pod: Pod) -> bool:
    if reference.kind == "Pod":
        return _name(pod) == reference.name
    found, given = owner(pod), annotations(pod).get(_GIVEN_NAME)
    if reference.kind:
        return found.kind == reference.kind and reference.name in {found.name, given}
    return reference.name in {found.name, _name(pod), given}


def _whose(pod: Pod) -> Owner:
    """Return whose backups a pod's are: all runs with one ``backup.name`` share them."""
    found, given = owner(pod), annotations(pod).get(_GIVEN_NAME)
    return Owner(found.kind, given) if given and found.kind in owners.RUNS else found


def _nothing(reference: Reference, pods: Sequence[Pod], place: str) -> str:
    known = sorted({str(owner(pod)) for pod in pods if asks(pod)})
    near = [each for each in known if each.partition("/")[2] == reference.name] or known[:5]
    hint = f"; workloads with backups: {', '.join(near)}" if near else ""
    return f"no pod of {reference} in {place}{hint}"


def _name(pod: Pod) -> str:
    return str(pod["metadata"]["name"])


def _or(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
