"""Manifests as their pods would be after admission: what `backup-webhook inject` prints."""

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import jsonpatch
import yaml

from contract import settings
from contract.names import Reason
from webhook import admit, patch
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

_NUMBER_ELSEWHERE = re.compile(r"[-+.]?[0-9][0-9_.]*(?:[eE][-+]?[0-9]+)?|0o[0-7]+")

Document = dict[str, Any]


class UnreadableError(ValueError):
    """The text holds no manifest to work on; ``line`` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one pod or pod template."""

    kind: str
    name: str
    reason: Reason
    warnings: tuple[str, ...]


class _Loader(yaml.SafeLoader):
    """Times stay text, as the API server reads them."""

    yaml_implicit_resolvers = {  # noqa: RUF012 -- the base class declares it so
        first: [(tag, form) for tag, form in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class _Dumper(yaml.SafeDumper):
    """Texts that another reader would take for a number stay texts (``1e3``)."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else '"' if _NUMBER_ELSEWHERE.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(documents: list[Document]) -> str:
    """Return the documents as YAML."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def load(text: str) -> list[Document]:
    """Return the documents of ``text``, YAML or JSON; raise UnreadableError."""
    documents = []
    loader = _Loader(text)
    try:
        while loader.check_node():
            line = loader.line + 1
            node = loader.get_node()
            if node is not None:
                line = node.start_mark.line + 1
            document = loader.construct_document(node)
            if document is None:
                continue
            if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
                raise UnreadableError(line, "no Kubernetes object: no kind")
            documents.append(document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or "cannot be read"
        raise UnreadableError(mark.line + 1 if mark else 1, f"not YAML: {reason}") from error
    except yaml.YAMLError as error:
        raise UnreadableError(1, f"not YAML: {error}") from error
    finally:
        loader.dispose()
    if not any(True for document in documents for _ in _workloads(document)):
        raise UnreadableError(1, "no Pod and no workload with a pod template in it")
    return documents


def inject(document: Document, options: Options) -> tuple[Document, list[Verdict]]:
    """Return a copy of ``document`` with every pod patched, and a verdict for each."""
    result = deepcopy(document)
    verdicts = []
    for item in _workloads(result):
        pod = _template(item)
        emulated = _as_created(item)
        reason, added, _ = admit.additions(emulated, options)
        admission = admit.admit(emulated, "", options)
        if admission.reason == reason:
            jsonpatch.JsonPatch(patch.operations(pod, added)).apply(pod, in_place=True)
        name = str(metadata(item).get("name") or metadata(item).get("generateName") or "")
        warnings = (*admission.warnings, *_misplaced(item, emulated))
        verdicts.append(Verdict(item["kind"], name, admission.reason, warnings))
    return result, verdicts


def _misplaced(item: Document, pod: Pod) -> tuple[str, ...]:
    key = settings.ENABLED.annotation
    if item["kind"] == "Pod" or key not in annotations(item) or key in annotations(pod):
        return ()
    return (f"annotation {key} stands on the {item['kind']}; it belongs on its pod template",)


def _workloads(document: Document) -> Iterator[Document]:
    if document.get("kind", "").endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            if isinstance(item, dict) and isinstance(item.get("kind"), str):
                yield from _workloads(item)
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
    claims = [
        {
            "name": metadata(claim).get("name"),
            "persistentVolumeClaim": {"claimName": "from-template"},
        }
        for claim in spec(item).get("volumeClaimTemplates") or []
    ]
    if claims:
        pod["spec"] = {**spec(pod), "volumes": [*(spec(pod).get("volumes") or []), *claims]}
    return pod
