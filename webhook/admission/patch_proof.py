"""Proves that a patch applies, only adds, and leaves a valid pod.

An independent library applies the operations.
"""

from collections import Counter
from functools import lru_cache
from typing import Any

import jsonpatch
from jsonpointer import JsonPointer

from contract import names
from contract.annotations import settings
from webhook.admission import pod_spec
from webhook.admission.pod_spec import Pod
from webhook.admission.sidecar import own_containers
from webhook.admission.sidecar.container import Json
from webhook.admission.sidecar.own_containers import is_ours

_ANNOTATIONS_LIMIT = 256 * 1024  # bytes, of all keys and values; the API server's own
_ENABLED = settings.ENABLED.annotation
_MAY_CHANGE = {
    "annotations": {names.STATUS_ANNOTATION, names.SAFE_TO_EVICT_ANNOTATION, _ENABLED},
    "labels": {names.INJECTED_LABEL},
}
_LISTS = {"imagePullSecrets", "initContainers", "volumes"}


class ProofError(Exception):
    """The operations would not leave a valid pod; the message names the broken rule."""


def prove(pod: Pod, operations: list[Json]) -> Pod:
    """Return the pod as the API server will see it; raise ProofError if the patch must not be sent.

    ``pod`` stays as it is; the result shares all that did not change.
    """
    try:
        result = _spine(pod)
        for each in operations:
            if each["op"] != "add":
                raise ProofError(f"the patch contains the operation {each['op']}")
            pointer = _pointer(each["path"])
            if not _may_grow(result, pointer.parts):
                raise ProofError(f"the patch does not apply to our part: {each['path']}")
            light = {"path": pointer, "value": _kept(each["value"])}
            result = jsonpatch.AddOperation(light, _Pointer).apply(result)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise ProofError(f"the patch does not apply: {error}") from error
    _only_added(pod, result)
    _names_are_unique(result)
    _mounts_resolve(pod, result)
    _annotations_fit(result)
    return result


def _may_grow(pod: Pod, parts: list[str]) -> bool:
    """Whether an addition at this path changes nothing that ``pod`` shares with the original."""
    if len(parts) < 3:
        return True  # in what `_spine` has copied; `_only_added` compares that
    parent, key, item, *deeper = parts
    if not deeper:
        return key in {"metadata": set(_MAY_CHANGE), "spec": _LISTS}.get(parent, set())
    init = pod_spec.spec(pod).get("initContainers") or []
    found = init[int(item)] if item.isdecimal() and int(item) < len(init) else None
    return [parent, key] == ["spec", "initContainers"] and found is not None and is_ours(found)


class _Kept(dict[str, Any]):
    """A value that the library does not copy again, which would take most of the time."""

    def __deepcopy__(self, _: object) -> "_Kept":
        return self


def _kept(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    if isinstance(value, dict):
        return _Kept(value)
    return [_kept(item) for item in value] if isinstance(value, list) else value


class _Pointer(JsonPointer):
    """A pointer that keeps its text, and is parsed once."""

    path: str = ""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.path = text


_pointer = lru_cache(1024)(_Pointer)


def _spine(pod: Pod) -> Pod:
    """Copy only what the operations may change, so that ``pod`` itself stays unchanged."""
    copied = dict(pod)
    for parent, keys in (("metadata", _MAY_CHANGE), ("spec", _LISTS)):
        if copied.get(parent):
            copied[parent] = dict(copied[parent])
            for key in keys:
                if (value := copied[parent].get(key)) is not None:
                    copied[parent][key] = value.copy()
    init = (copied.get("spec") or {}).get("initContainers") or []
    for number, each in enumerate(init):
        if is_ours(each):
            init[number] = {k: v.copy() if isinstance(v, list) else v for k, v in each.items()}
    return copied


def _only_added(pod: Pod, result: Pod) -> None:
    _same(pod, result, except_for={"metadata", "spec"})
    _same(pod_spec.metadata(pod), pod_spec.metadata(result), except_for=set(_MAY_CHANGE))
    _same(pod_spec.spec(pod), pod_spec.spec(result), except_for=_LISTS)
    for key, may_change in _MAY_CHANGE.items():
        before = pod_spec.metadata(pod).get(key) or {}
        after = pod_spec.metadata(result).get(key) or {}
        _same(before, after, except_for=may_change)
    said, says = (pod_spec.annotations(each).get(_ENABLED) for each in (pod, result))
    if str(said or "").strip() and says is not said:
        raise ProofError(f"the patch changes {_ENABLED}")
    evictable = names.SAFE_TO_EVICT_ANNOTATION
    if not _volumes(result, evictable) >= _volumes(pod, evictable):
        raise ProofError(f"the patch removes volumes from {evictable}")
    for key in _LISTS:
        before, after = pod_spec.spec(pod).get(key) or [], pod_spec.spec(result).get(key) or []
        if key == "initContainers" and not any(map(own_containers.is_restorer, before)):
            # The one element that may come before others; its name stands once.
            after = [each for each in after if not own_containers.is_restorer(each)]
        kept = all(old is new or _grew(old, new) for old, new in zip(before, after, strict=False))
        if not kept or len(after) < len(before):
            raise ProofError(f"the patch changes an existing element of {key}")


def _grew(old: Json, new: Json) -> bool:
    """Whether this is one of our containers, with nothing removed or changed."""
    return is_ours(old) and all(
        new[key] is value
        or (isinstance(value, list) and value == new[key][: len(value)])
        or (not value and key in new)
        for key, value in old.items()
    )


def _volumes(pod: Pod, annotation: str) -> set[str]:
    return set(filter(None, str(pod_spec.annotations(pod).get(annotation) or "").split(",")))


def _same(before: Json, after: Json, *, except_for: set[str]) -> None:
    for key in (before.keys() | after.keys()) - except_for:
        if key not in after or key not in before or before[key] is not after[key]:
            raise ProofError(f"the patch changes {key}")


def _names_are_unique(pod: Pod) -> None:
    for kind, items in (
        ("container", list(pod_spec.containers(pod))),
        ("volume", pod_spec.spec(pod).get("volumes") or []),
    ):
        _unique(f"{kind} name", [item["name"] for item in items])


def _mounts_resolve(pod: Pod, result: Pod) -> None:
    volumes = {volume["name"] for volume in pod_spec.spec(result).get("volumes") or []}
    theirs = {id(each) for each in pod_spec.spec(pod).get("initContainers") or []}
    for container in pod_spec.spec(result).get("initContainers") or []:
        if id(container) in theirs:
            continue
        mounts = container["volumeMounts"]
        _unique("mount path", [mount["mountPath"] for mount in mounts])
        _unique("variable", [variable["name"] for variable in container["env"]])
        if missing := {mount["name"] for mount in mounts} - volumes:
            raise ProofError(f"{container['name']} mounts unknown volumes {sorted(missing)}")


def _unique(what: str, values: list[Any]) -> None:
    if len(set(values)) == len(values):
        return
    if twice := sorted(value for value, count in Counter(values).items() if count > 1):
        raise ProofError(f"{what} {', '.join(twice)} would exist twice")


def _annotations_fit(pod: Pod) -> None:
    annotations = pod_spec.annotations(pod)
    size = sum(len(key.encode()) + len(str(value).encode()) for key, value in annotations.items())
    if size > _ANNOTATIONS_LIMIT:
        raise ProofError(f"annotations would take {size} bytes, more than {_ANNOTATIONS_LIMIT}")
