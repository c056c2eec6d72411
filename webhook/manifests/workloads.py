"""Pods and pod templates in manifests, of any kind, and the pods that controllers make of them."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import reduce
from typing import Any

from webhook.admission.decide import may_ask
from webhook.admission.pod import form
from webhook.admission.pod_spec import Pod, metadata, spec
from webhook.manifests.documents import Document

_HASH = "0000000000"
# What stands between a workload and its pods, and for what is appended to the name.
_CONTROLLERS = {
    "Deployment": ("ReplicaSet", _HASH),
    "Rollout": ("ReplicaSet", _HASH),
    "CronJob": ("Job", _HASH[:8]),
}
_HASH_LABELS = {"Deployment": "pod-template-hash", "Rollout": "rollouts-pod-template-hash"}
_KNOWN = {
    "Pod": (),
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job",
         "Rollout"),
        ("spec", "template"),
    ),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}  # fmt: skip

UNCLEAR = "unclear"
"""Said in the place of a Reason of what may or may not be a pod."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """A pod, or a pod template: ``path`` leads to it from ``item``, the object that has it."""

    item: Document
    path: Path = ()

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.item["kind"])

    @property
    def name(self) -> str:
        """The object's name, empty where it has none."""
        return name_of(self.item)

    @property
    def place(self) -> str:
        """Where the pod is in the object, such as ``spec.template``; empty for a Pod."""
        return written(self.path)

    @property
    def unusual(self) -> str:
        """``place`` in an object of a kind that Kubernetes does not know; else empty."""
        return "" if self.kind in _KNOWN else self.place

    @property
    def annotations_path(self) -> str:
        """Where the annotations of its pods belong."""
        return f"{self.place}.metadata.annotations" if self.path else "metadata.annotations"

    @property
    def template(self) -> Any:  # noqa: ANN401 -- whatever the manifest holds there
        """The pod, or the template of pods."""
        return at(self.item, self.path)

    @property
    def fault(self) -> str:
        """Which field of a pod that asks for backups is of the wrong type; empty for none."""
        if not may_ask(self.template):
            return ""
        around = (
            form.metadata_fault(at(self.item, path), written(path))
            for holder in self._holders
            for path in [(*holder, "metadata")]
        )
        return form.fault(self.template, self.place) or next(filter(None, around), "")

    @property
    def around(self) -> Iterator[tuple[str, Document]]:
        """What has metadata of its own around the template, with a word for it."""
        for holder in self._holders:
            yield ("job template" if holder else self.kind), at(self.item, holder)

    @property
    def _holders(self) -> Iterator[Path]:
        if self.path:
            yield ()
        if self.kind == "CronJob":
            yield _KNOWN["CronJob"][:2]


def name_of(item: Document) -> str:
    """Return what to call an object, empty where it has no name."""
    meta = item.get("metadata")
    return str(meta.get("name") or meta.get("generateName") or "") if isinstance(meta, dict) else ""


def namespace_of(item: Document) -> str:
    """Return the namespace that a manifest names, empty where it names none."""
    return str(metadata(item).get("namespace") or "")


def objects(document: Document) -> Iterator[Document]:
    """Yield every object in ``document``: itself, or the items of a List or OpenShift Template."""
    key = "objects" if document["kind"] == "Template" else "items"
    if document["kind"].endswith(("List", "Template")) and isinstance(document.get(key), list):
        for item in document[key]:
            if isinstance(item, dict) and isinstance(item.get("kind"), str):
                yield from objects(item)
    else:
        yield document


def workloads(document: Document) -> Iterator[Workload]:
    """Yield every pod and every pod template in ``document``, Lists included."""
    for item in objects(document):
        known = _KNOWN.get(item["kind"])
        # Others have kinds of these names too: Volcano's Job has tasks.
        if known is not None and isinstance(at(item, known), dict):
            yield Workload(item, known)
        else:
            yield from (Workload(item, path) for path in _templates(item, ()))


def unclear(document: Document) -> Iterator[Workload]:
    """Yield what has containers like a pod and is no pod template.

    Operators make pods of it in ways of their own, such as adding it to a template.
    """
    for item in objects(document):
        if item["kind"] not in _KNOWN and item["kind"] != "CustomResourceDefinition":
            yield from (Workload(item, path) for path in _pod_specs(item, ()))


def has_any(document: Document) -> bool:
    """Whether there is a pod in ``document``, or something that may be one."""
    return any(True for find in (workloads, unclear) for _ in find(document))


def written(path: Path) -> str:
    """Return a path as people write it: ``spec.workers[0].template``."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")


def _inside(value: object, path: Path) -> Iterator[tuple[object, Path]]:
    items = value.items() if isinstance(value, dict) else ()
    numbered = enumerate(value) if isinstance(value, list) else ()
    yield from ((each, (*path, key)) for key, each in (*items, *numbered))


def _templates(value: object, path: Path) -> Iterator[Path]:
    """Yield the paths of pod templates: mappings named template with containers in their spec."""
    if path and path[-1] == "template" and isinstance(value, dict) and _has_containers(
        value.get("spec")
    ):  # fmt: skip
        yield path
        return
    for inside, way in _inside(value, path):
        yield from _templates(inside, way)


def _pod_specs(value: object, path: Path) -> Iterator[Path]:
    if len(path) > 1 and path[-2:] == ("template", "spec") and _has_containers(value):
        return
    if _has_containers(value) or _has_steps(value):
        yield path
        return
    for inside, way in _inside(value, path):
        yield from _pod_specs(inside, way)


def _has_steps(value: object) -> bool:
    """Whether these are containers of a workflow, from which its controller makes pods."""
    if not isinstance(value, dict):
        return False
    steps = value.get("steps")
    found = [
        value.get("container"),
        value.get("script"),
        *(steps if isinstance(steps, list) else ()),
    ]
    return any(isinstance(each, dict) and isinstance(each.get("image"), str) for each in found)


def _has_containers(value: object) -> bool:
    found = value.get("containers") if isinstance(value, dict) else None
    return isinstance(found, list) and any(isinstance(each, dict) and "name" in each
                                           for each in found)  # fmt: skip


def at(item: Any, path: Path) -> Any:  # noqa: ANN401 -- whatever the manifest holds there
    """Return what is at a path, None if nothing is."""

    def step(value: Any, key: str | int) -> Any:  # noqa: ANN401 -- as above
        if isinstance(key, int):
            return value[key]
        return value.get(key) if isinstance(value, dict) else None

    return reduce(step, path, item)


def as_created(workload: Workload, maker: Document | None = None) -> Pod:
    """Return the pod that the controller of a workload would send to the API server.

    ``maker`` is a Rollout that takes the workload's template for its own.
    """
    pod: Pod = deepcopy(workload.template)
    if not workload.path:
        return pod
    made_by = maker or workload.item
    kind, name = str(made_by["kind"]), str(metadata(made_by).get("name") or "")
    controller, suffix = _CONTROLLERS.get(kind, (kind, ""))
    owner = f"{name}-{suffix}" if suffix else name
    meta = dict(metadata(pod))
    labels = {_HASH_LABELS[kind]: suffix} if kind in _HASH_LABELS else {}
    meta["labels"] = {**(meta.get("labels") or {}), **labels}
    meta["ownerReferences"] = [{"kind": controller, "name": owner, "controller": True}]
    meta["name" if kind == "StatefulSet" else "generateName"] = f"{owner}-0"
    pod["metadata"] = meta
    if kind == "StatefulSet":
        pod["spec"] = {**spec(pod), "volumes": _volumes(workload.item, pod)}
    return pod


def claims(workload: Workload, pod: Pod) -> dict[str, str]:
    """Return the claims of the pod's volumes, by volume, that all pods of a workload share."""
    templates = spec(workload.item).get("volumeClaimTemplates") or []
    own = {metadata(claim).get("name") for claim in templates}
    return {
        volume["name"]: str(volume["persistentVolumeClaim"].get("claimName"))
        for volume in spec(pod).get("volumes") or []
        if volume.get("persistentVolumeClaim") and volume.get("name") not in own
    }


def _volumes(item: Document, pod: Pod) -> list[Document]:
    """Return the pod's volumes and those of claim templates, which replace equal names."""
    claims = {
        metadata(claim).get("name"): {"persistentVolumeClaim": {"claimName": "from-template"}}
        for claim in spec(item).get("volumeClaimTemplates") or []
    }
    others = [v for v in spec(pod).get("volumes") or [] if v.get("name") not in claims]
    return [*others, *({"name": name, **source} for name, source in claims.items())]
