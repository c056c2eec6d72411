"""The objects of all manifests that were given, and what stands in them beside their pods."""

import base64
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeVar

from contract import names
from webhook.admission.model import NamespaceContext, Options
from webhook.admission.pod_spec import Pod, metadata, spec
from webhook.admission.policies import limit_range, namespace, resource_quota
from webhook.manifests.documents import Document

T = TypeVar("T")
_LONGEST_VARIABLE = 128 << 10  # bytes with its name; with a longer one, no process is started
_HASH = "0000000000"  # stands for what the controllers would append to names
_TEMPLATES = {
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"),
        ("spec", "template"),
    ),
    "Rollout": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


def name_of(item: Document) -> str:
    """Return what to call a pod or workload, empty where it has no name."""
    meta = item.get("metadata")
    return str(meta.get("name") or meta.get("generateName") or "") if isinstance(meta, dict) else ""


def objects(document: Document) -> Iterator[Document]:
    """Yield every object in ``document``: itself, or the items of a List."""
    if document.get("kind", "").endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            if isinstance(item, dict) and isinstance(item.get("kind"), str):
                yield from objects(item)
    else:
        yield document


def workloads(document: Document) -> Iterator[Document]:
    """Yield every pod and every workload with a pod template in ``document``, Lists included."""
    for item in objects(document):
        if item["kind"] == "Pod" or (
            item["kind"] in _TEMPLATES and isinstance(template(item), dict)
        ):
            yield item


def annotations_path(kind: str) -> str:
    """Return where a workload of this kind has the annotations of its pods."""
    return ".".join((*_TEMPLATES.get(kind, ()), "metadata.annotations"))


def around(item: Document) -> Iterator[tuple[str, Document]]:
    """Yield what has metadata of its own around the pod template, with a word for it."""
    if item["kind"] != "Pod":
        yield item["kind"], item
    if item["kind"] == "CronJob":
        yield "job template", spec(item)["jobTemplate"]


def template(item: Document) -> Any:  # noqa: ANN401 -- whatever the manifest holds there
    if item["kind"] == "Pod":
        return item
    value: Any = item
    for key in _TEMPLATES[item["kind"]]:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def as_created(item: Document) -> Pod:
    """Return the pod that the controller of ``item`` would send to the API server."""
    if item["kind"] == "Pod":
        return deepcopy(item)
    pod: Pod = deepcopy(template(item))
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


def claims(item: Document, pod: Pod) -> dict[str, str]:
    """Return the claims of the pod's volumes, by volume, that all pods of ``item`` share."""
    own = {metadata(claim).get("name") for claim in spec(item).get("volumeClaimTemplates") or []}
    return {
        volume["name"]: str(volume["persistentVolumeClaim"].get("claimName"))
        for volume in spec(pod).get("volumes") or []
        if volume.get("persistentVolumeClaim") and volume.get("name") not in own
    }


def _volumes(item: Document, pod: Pod) -> list[Document]:
    """Return the pod's volumes with those of the claim templates, which go before equal names."""
    claims = {
        metadata(claim).get("name"): {"persistentVolumeClaim": {"claimName": "from-template"}}
        for claim in spec(item).get("volumeClaimTemplates") or []
    }
    others = [v for v in spec(pod).get("volumes") or [] if v.get("name") not in claims]
    return [*others, *({"name": name, **source} for name, source in claims.items())]


class Objects:
    """All objects of all files, whatever file they stand in."""

    def __init__(self, documents: list[Document]) -> None:
        self._all = [item for document in documents for item in objects(document)]

    def of(self, kind: str) -> list[Document]:
        """Return the objects whose kind ends so: ``Secret`` finds SealedSecrets too."""
        return [item for item in self._all if item["kind"].endswith(kind)]

    def within(self, kind: str, namespace: str) -> list[Document]:
        """Return the objects of a kind that are in a namespace, or name none."""
        found = [item for item in self._all if item["kind"] == kind]
        return [item for item in found if _mapping(item, "metadata").get("namespace") in
                {namespace, "", None}]  # fmt: skip

    def find(self, kind: str, name: str, namespace: str = "") -> Document | None:
        """Return the object; without a namespace it may be in any, as `kubectl -n` says."""
        near: Document | None = None
        for item in self._all:
            meta = item.get("metadata")
            if item["kind"] != kind or not isinstance(meta, dict) or meta.get("name") != name:
                continue
            own = meta.get("namespace") or ""
            if own == namespace:
                return item
            if not own or not namespace:
                near = near or item
        return near


def namespace_of(item: Document) -> str:
    """Return the namespace that a manifest names, empty where it names none."""
    return str(metadata(item).get("namespace") or "")


def surroundings(name: str, known: Objects, options: Options) -> NamespaceContext:
    """Return what the files tell of the namespace ``name``, and of what it allows."""
    named = [known.find("Namespace", name)] if name else []
    own = next(_readable(namespace.read, named), namespace.Namespace())
    ranges = _readable(limit_range.read, known.within("LimitRange", name))
    return NamespaceContext(
        pod_security=own.level or options.pod_security,
        limits=tuple(limit for items in ranges for limit in items),
        quotas=tuple(_readable(resource_quota.read, known.within("ResourceQuota", name))),
        pull_secrets=own.pull_secrets,
    )


def _readable(read: Callable[[Document], T], items: Iterable[Document | None]) -> Iterator[T]:
    """Yield what is read of each; what cannot be, the API server would refuse."""
    for item in items:
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            if item is not None:
                yield read(item)


@dataclass(frozen=True, slots=True)
class Contents:
    """The variables of a Secret, and why some cannot be used."""

    variables: dict[str, str]
    refused: dict[str, str]


def contents(secret: Document) -> Contents:
    """Return what a Secret holds, as an API server and a process would take it."""
    given: dict[str, str] = {}
    refused: dict[str, str] = {}
    for key, value in _mapping(secret, "data").items():
        try:
            encoded = "".join((value or "").split())  # line breaks are allowed
            given[key] = base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
        except (ValueError, AttributeError):
            refused[key] = "is not base64; write it under stringData as it is"
    for key, value in _mapping(secret, "stringData").items():
        refused.pop(key, None)
        given.pop(key, None)
        if value is None or isinstance(value, str):
            given[key] = value or ""
        else:
            refused[key] = "is not text; write it in quotes"
    for key, text in given.items():
        if len(f"{names.SECRET_PREFIX}{key}={text}".encode()) >= _LONGEST_VARIABLE:
            refused[key] = (
                "is too long for a variable, of which Linux takes 128 KiB: neither the sidecar nor "
                "the app would start; put it elsewhere"
            )
    return Contents(given, refused)


def _mapping(item: Document, key: str) -> dict[str, Any]:
    value = item.get(key)
    return {str(name): value[name] for name in value} if isinstance(value, dict) else {}
