"""Which pods without a sidecar may get one when they are recreated. Pure."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from contract import names
from contract.annotations.namespace import NamespaceDefaults
from contract.coverage import Default
from kubectl_backup.workload import injection, target
from kubectl_backup.workload.reasons import PASSING

_PASSING = {str(each) for each in PASSING} | {injection.UNSEEN}
_SET_BY_THE_SERVER = (
    "uid", "resourceVersion", "creationTimestamp", "ownerReferences", "managedFields",
    "generateName", "generation", "deletionTimestamp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pod that may be injected when it is recreated; ``alone``: no controller recreates it."""

    pod: target.Pod
    reason: str
    alone: bool

    def __str__(self) -> str:
        meta = self.pod["metadata"]
        return f"{meta['namespace']}/{meta['name']} ({target.owner(self.pod)}): {self.reason}"


def candidates(
    pods: Sequence[target.Pod], labelled: Mapping[str, NamespaceDefaults]
) -> list[Candidate]:
    """Return the pods in ``labelled`` namespaces that request backups, or whose namespace does, and
    that have no sidecar for a reason that may no longer hold."""
    return [
        Candidate(pod, injection.reason(pod), not pod["metadata"].get("ownerReferences"))
        for pod in pods
        if target.lasting(pod)
        and target.sidecar(pod) is None
        and pod["metadata"]["namespace"] in labelled
        and _wanted(pod, labelled[pod["metadata"]["namespace"]])
        and injection.reason(pod) in _PASSING
    ]


def _wanted(pod: target.Pod, namespace: NamespaceDefaults) -> bool:
    return target.wants(pod) or target.default(pod, namespace) is Default.ASKED


def replacement(pod: target.Pod) -> target.Pod:
    """Return a pod like ``pod`` for a dry run: without owner, without node, with another name."""
    made = deepcopy(dict(pod))
    made.pop("status", None)
    for key in _SET_BY_THE_SERVER:
        made["metadata"].pop(key, None)
    made["metadata"]["name"] = f"{pod['metadata']['name'][:200]}-backup-trial"
    made["metadata"].get("annotations", {}).pop(names.STATUS_ANNOTATION, None)
    made["spec"].pop("nodeName", None)
    return made


def verdict(answered: target.Pod) -> str:
    """Return why a dry-run pod has no sidecar; "" if it has one."""
    return "" if target.sidecar(answered) is not None else injection.reason(answered)
