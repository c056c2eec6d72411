"""Which pods without a sidecar may get one when they are created anew. Pure."""

from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass

from contract import names
from kubectl_backup.workload import injection, target
from kubectl_backup.workload.reasons import PASSING

_PASSING = {str(each) for each in PASSING} | {injection.UNSEEN}
_PRINTED = ("uid", "resourceVersion", "creationTimestamp", "ownerReferences", "managedFields",
            "generateName", "generation", "deletionTimestamp")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pod that is worth another try; ``alone``: nobody would create it again."""

    pod: target.Pod
    reason: str
    alone: bool

    def __str__(self) -> str:
        meta = self.pod["metadata"]
        return f"{meta['namespace']}/{meta['name']} ({target.owner(self.pod)}): {self.reason}"


def candidates(pods: Sequence[target.Pod], labelled: Collection[str]) -> list[Candidate]:
    """Return the pods that ask for backups in ``labelled`` namespaces, and got none for a reason
    that may be gone."""
    return [
        Candidate(pod, injection.reason(pod), not pod["metadata"].get("ownerReferences"))
        for pod in pods
        if target.lasting(pod)
        and target.sidecar(pod) is None
        and target.wants(pod)
        and pod["metadata"]["namespace"] in labelled
        and injection.reason(pod) in _PASSING
    ]


def trial(pod: target.Pod) -> target.Pod:
    """Return a pod like ``pod`` to be created for trial: nobody's, and on no node yet."""
    made = deepcopy(dict(pod))
    made.pop("status", None)
    for key in _PRINTED:
        made["metadata"].pop(key, None)
    made["metadata"]["name"] = f"{pod['metadata']['name'][:200]}-backup-trial"
    made["metadata"].get("annotations", {}).pop(names.STATUS_ANNOTATION, None)
    made["spec"].pop("nodeName", None)
    return made


def verdict(answered: target.Pod) -> str:
    """Return the reason that would hold again for a pod created for trial; "" if it is gone."""
    return "" if target.sidecar(answered) is not None else injection.reason(answered)
