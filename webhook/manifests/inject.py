"""Patches manifests as admission would: what `backup-webhook inject` prints."""

from dataclasses import dataclass

import jsonpatch

from contract.annotations import settings
from contract.names import Reason
from webhook.admission import patch
from webhook.admission.admit import admit
from webhook.admission.model import Options
from webhook.admission.pod_spec import Pod, annotations
from webhook.manifests import objects, workloads
from webhook.manifests.documents import Document
from webhook.manifests.objects import Objects
from webhook.manifests.workloads import Workload


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for one pod or pod template; ``place`` is where it is in an unusual kind."""

    kind: str
    name: str
    place: str
    reason: str
    warnings: tuple[str, ...]


def inject(documents: list[Document], options: Options) -> list[Verdict]:
    """Patch every pod in ``documents`` in place and return a verdict for each; never raises."""
    known = Objects(documents)
    verdicts = []
    for document in documents:
        verdicts += [_inject(each, known, options) for each in workloads.workloads(document)]
        verdicts += map(_unclear, workloads.unclear(document))
    return verdicts


def _inject(workload: Workload, known: Objects, options: Options) -> Verdict:
    template = workload.template
    try:
        if fault := workload.fault:
            return _verdict(workload, Reason.INVALID_POD, f"{fault}; printed unchanged")
        emulated = workloads.as_created(workload, objects.rollout(workload, known))
        namespace = workloads.namespace_of(workload.item)
        context = objects.namespace_context(namespace, known, options)
        admission = admit(emulated, "", options, context)
        # The template differs from its pod; what is added to both is the same.
        operations = patch.operations(template, admission.additions)
        jsonpatch.JsonPatch(operations).apply(template, in_place=True)
        warnings = (*admission.warnings, *_misplaced(workload, emulated))
        return _verdict(workload, admission.reason, *warnings)
    except Exception as error:  # noqa: BLE001 -- as in the server: the pod stays as it is
        line = f"cannot be understood ({type(error).__name__}); printed unchanged"
        return _verdict(workload, Reason.INTERNAL_ERROR, line)


def _unclear(workload: Workload) -> Verdict:
    line = "has containers and is no pod template; printed unchanged, the webhook sees its pods"
    return _verdict(workload, workloads.UNCLEAR, line)


def _verdict(workload: Workload, reason: str, *warnings: str) -> Verdict:
    return Verdict(workload.kind, workload.name, workload.unusual, reason, warnings)


def _misplaced(workload: Workload, pod: Pod) -> tuple[str, ...]:
    key = settings.ENABLED.annotation
    if not workload.path or key not in annotations(workload.item) or key in annotations(pod):
        return ()
    return (f"annotation {key} is on the {workload.kind}; it belongs on the pod template",)
