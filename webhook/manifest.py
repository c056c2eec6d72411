"""Manifests as their pods would be after admission: what `backup-webhook inject` prints."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import jsonpatch

from contract import settings
from contract.names import Reason
from webhook import patch
from webhook.admit import admit
from webhook.documents import Document
from webhook.inject import Options
from webhook.workload import Pod, annotations, metadata, spec

_HASH = "0000000000"  # stands for what the controllers would append to names
_TEMPLATES = {
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"),
        ("spec", "template"),
    ),
    "Rollout": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one pod or pod template."""

    kind: str
    name: str
    reason: Reason
    warnings: tuple[str, ...]


def inject(documents: list[Document], options: Options) -> list[Verdict]:
    """Patch every pod in ``documents`` in place and return a verdict for each; never raises."""
    return [_inject(item, options) for document in documents for item in workloads(document)]


def _inject(item: Document, options: Options) -> Verdict:
    try:
        emulated = _as_created(item)
        admission = admit(emulated, "", options)
        # The template differs from its pod; what is added to both is the same.
        template = _template(item)
        operations = patch.operations(template, admission.additions)
        jsonpatch.JsonPatch(operations).apply(template, in_place=True)
        warnings = (*admission.warnings, *_misplaced(item, emulated))
        return Verdict(item["kind"], _name(item), admission.reason, warnings)
    except Exception as error:  # noqa: BLE001 -- as in the server: the pod stays as it is
        line = f"cannot be understood ({type(error).__name__}); printed as it is"
        return Verdict(item["kind"], _name(item), Reason.INTERNAL_ERROR, (line,))


def _name(item: Document) -> str:
    meta = item.get("metadata")
    return str(meta.get("name") or meta.get("generateName") or "") if isinstance(meta, dict) else ""


def _misplaced(item: Document, pod: Pod) -> tuple[str, ...]:
    key = settings.ENABLED.annotation
    if item["kind"] == "Pod" or key not in annotations(item) or key in annotations(pod):
        return ()
    return (f"annotation {key} stands on the {item['kind']}; it belongs on its pod template",)


def workloads(document: Document) -> Iterator[Document]:
    """Yield every pod and every workload with a pod template in ``document``, Lists included."""
    if document.get("kind", "").endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            if isinstance(item, dict) and isinstance(item.get("kind"), str):
                yield from workloads(item)
    elif document["kind"] == "Pod" or (
        document["kind"] in _TEMPLATES and isinstance(_template(document), dict)
    ):
        yield document


def _template(item: Document) -> Any:  # noqa: ANN401 -- whatever the manifest holds there
    if item["kind"] == "Pod":
        return item
    value: Any = item
    for key in _TEMPLATES[item["kind"]]:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _as_created(item: Document) -> Pod:
    """Return the pod that the controller of ``item`` would send to the API server."""
    if item["kind"] == "Pod":
        return deepcopy(item)
    pod: Pod = deepcopy(_template(item))
    kind, name = item["kind"], str(metadata(item).get("name") or "")
    owner = (kind, name)
    labels = {}
    if kind in {"Deployment", "Rollout"}:
        owner = ("ReplicaSet", f"{name}-{_HASH}")
        label = "pod-template-hash" if kind == "Deployment" else "rollouts-pod-template-hash"
        labels = {label: _HASH}
    elif kind == "CronJob":
        owner = ("Job", f"{name}-{_HASH[:8]}")
    meta = dict(metadata(pod))
    meta["labels"] = {**(meta.get("labels") or {}), **labels}
    meta["ownerReferences"] = [{"kind": owner[0], "name": owner[1], "controller": True}]
    meta["name" if kind == "StatefulSet" else "generateName"] = f"{owner[1]}-0"
    pod["metadata"] = meta
    if kind == "StatefulSet":
        pod["spec"] = {**spec(pod), "volumes": _volumes(item, pod)}
    return pod


def _volumes(item: Document, pod: Pod) -> list[Document]:
    """Return the pod's volumes with those of the claim templates, which go before equal names."""
    claims = {
        metadata(claim).get("name"): {"persistentVolumeClaim": {"claimName": "from-template"}}
        for claim in spec(item).get("volumeClaimTemplates") or []
    }
    others = [v for v in spec(pod).get("volumes") or [] if v.get("name") not in claims]
    return [*others, *({"name": name, **source} for name, source in claims.items())]
