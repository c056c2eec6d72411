"""Repairs our containers in a pod that other webhooks changed after us.

The API server calls us again if another webhook changed the pod. What it added may need backups
too; what it removed from ours is added again. Nothing is replaced: a changed image may come from a
mirror, changed resources from a LimitRange.
"""

import json
from collections.abc import Callable, Iterator

from contract import coverage, names
from webhook.admission import patch, pod_spec
from webhook.admission.pod_spec import Pod
from webhook.admission.sidecar import own_containers
from webhook.admission.sidecar.container import Additions, Json
from webhook.admission.sidecar.own_containers import is_ours

_GROWING = {"volumeMounts": "mountPath", "env": "name"}


def without_ours(pod: Pod) -> Pod:
    """Return the pod as it would be without our containers; it shares everything else."""
    spec = pod_spec.spec(pod)
    kept = [each for each in spec.get("initContainers") or [] if not is_ours(each)]
    volumes = [
        each for each in spec.get("volumes") or [] if each.get("name") not in names.OWN_VOLUMES
    ]
    return {**pod, "spec": {**spec, "initContainers": kept, "volumes": volumes}}


def operations(pod: Pod, wanted: Additions) -> list[Json]:
    """Return the ``add`` operations that complete our containers, their volumes and marks."""
    spec = pod_spec.spec(pod)
    there = {volume.get("name") for volume in spec.get("volumes") or []}
    missing = tuple(each for each in wanted.volumes if each["name"] not in there)
    found = [("/spec/volumes", missing)] if spec.get("volumes") else []
    return [
        *_containers(pod, wanted),
        *(_add(f"{path}/-", item) for path, items in found for item in items),
        *([] if found or not missing else [_add("/spec/volumes", list(missing))]),
        *_marks(pod, "annotations", wanted.annotations),
        *_marks(pod, "labels", wanted.labels),
    ]


def _containers(pod: Pod, wanted: Additions) -> Iterator[Json]:
    init = pod_spec.spec(pod)["initContainers"]
    (sidecar,) = wanted.containers
    yield from _completed(init, coverage.is_sidecar, sidecar)
    if wanted.restorer and any(map(own_containers.is_restorer, init)):
        yield from _completed(init, own_containers.is_restorer, wanted.restorer)
    elif wanted.restorer:
        # Last: what stands behind it moves.
        yield patch.insertion(init, wanted.restorer)


def _completed(init: list[Json], is_it: Callable[[Json], bool], wanted: Json) -> Iterator[Json]:
    index = next(number for number, each in enumerate(init) if is_it(each))
    ours, path = init[index], f"/spec/initContainers/{index}"
    for key, value in wanted.items():
        if not ours.get(key):
            yield _add(f"{path}/{key}", value)
        elif key in _GROWING:
            known = {item.get(_GROWING[key]) for item in ours[key]}
            for item in value:
                if item[_GROWING[key]] not in known:
                    yield _add(f"{path}/{key}/-", item)


def _marks(pod: Pod, key: str, wanted: dict[str, str]) -> Iterator[Json]:
    there = pod_spec.metadata(pod).get(key)
    changed = {name: text for name, text in wanted.items() if not _says(there or {}, name, text)}
    if changed and not there:
        yield _add(f"/metadata/{key}", changed)
    elif changed:
        for name, text in changed.items():
            yield _add(f"/metadata/{key}/{name.replace('~', '~0').replace('/', '~1')}", text)


def _says(there: dict[str, str], name: str, text: str) -> bool:
    if name != names.STATUS_ANNOTATION:
        return there.get(name) == text
    try:
        return _told(there[name]) == _told(text)
    except (KeyError, TypeError, ValueError):
        return False


def _told(status: str) -> Json:
    # Whichever version of ours it was that injected.
    return {key: value for key, value in json.loads(status).items() if key != "version"}


def _add(path: str, value: object) -> Json:
    return {"op": "add", "path": path, "value": value}
