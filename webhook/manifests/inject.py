"""Patches manifests as admission would: what `backup-webhook inject` prints."""

from dataclasses import dataclass

import jsonpatch

from contract.annotations import settings
from contract.names import Reason
from webhook.admission import patch
from webhook.admission.admit import admit
from webhook.admission.model import Options
from webhook.admission.pod_spec import Pod, annotations
from webhook.manifests import objects
from webhook.manifests.documents import Document
from webhook.manifests.objects import Objects


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for one pod or pod template."""

    kind: str
    name: str
    reason: Reason
    warnings: tuple[str, ...]


def inject(documents: list[Document], options: Options) -> list[Verdict]:
    """Patch every pod in ``documents`` in place and return a verdict for each; never raises."""
    known = Objects(documents)
    return [
        _inject(item, known, options)
        for document in documents
        for item in objects.workloads(document)
    ]


def _inject(item: Document, known: "Objects", options: Options) -> Verdict:
    try:
        emulated = objects.as_created(item)
        admission = admit(
            emulated, "", options, objects.surroundings(objects.namespace_of(item), known, options)
        )
        # The template differs from its pod; what is added to both is the same.
        template = objects.template(item)
        operations = patch.operations(template, admission.additions)
        jsonpatch.JsonPatch(operations).apply(template, in_place=True)
        warnings = (*admission.warnings, *_misplaced(item, emulated))
        return Verdict(item["kind"], objects.name_of(item), admission.reason, warnings)
    except Exception as error:  # noqa: BLE001 -- as in the server: the pod stays as it is
        line = f"cannot be understood ({type(error).__name__}); printed unchanged"
        return Verdict(item["kind"], objects.name_of(item), Reason.INTERNAL_ERROR, (line,))


def _misplaced(item: Document, pod: Pod) -> tuple[str, ...]:
    key = settings.ENABLED.annotation
    if item["kind"] == "Pod" or key not in annotations(item) or key in annotations(pod):
        return ()
    return (f"annotation {key} is on the {item['kind']}; it belongs on the pod template",)
