"""What every patch of the corpus keeps to: it only adds, adds once, and is always the same."""

import json
from collections.abc import Iterable
from copy import deepcopy

from tests.webhook.admission.corpus.corpus import GROWING, every_pod, injected_pods, skipped_pods
from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import OPTIONS, OWN_VOLUMES, SAFE_TO_EVICT, STATUS, Json, answer_to
from webhook.admission import admit
from webhook.server import review


@injected_pods
def test_the_pod_is_unchanged_apart_from_our_additions(
    expected: Json, pod: Json, asked: Json
) -> None:
    """To the last field, known or unknown, and with all lists in their order."""
    del expected
    left, _ = _admit(asked, pod)
    before = deepcopy(pod)

    assert left["spec"]["initContainers"].pop()["name"] == "backup"
    added = [left["spec"]["volumes"].pop()["name"] for _ in OWN_VOLUMES]
    assert added == list(reversed(OWN_VOLUMES))
    assert left["metadata"]["labels"].pop("backup.injected") == "true"
    assert json.loads(left["metadata"]["annotations"].pop(STATUS))["injected"] is True
    *others, ours = left["metadata"]["annotations"].pop(SAFE_TO_EVICT).split(",")
    assert ours == "backup-state"
    assert ",".join(others) == before["metadata"]["annotations"].pop(SAFE_TO_EVICT, "")

    # Marks of ours that stood there before were replaced.
    before["metadata"]["annotations"].pop(STATUS, None)
    (before["metadata"].get("labels") or {}).pop("backup.injected", None)
    assert _normal(left) == _normal(before)


@skipped_pods
def test_a_pod_without_a_sidecar_gets_at_most_a_reason(
    expected: Json, pod: Json, asked: Json
) -> None:
    result, operations = _admit(asked, pod)

    if expected["reason"] in {"not_enabled", "mirror_pod", "already_injected"}:
        assert operations is None
    else:
        status = json.loads(result["metadata"]["annotations"].pop(STATUS))
        assert status == {
            "injected": False,
            "reason": expected["reason"],
            "version": status["version"],
        }
        assert answer_to(asked).warnings
    assert result == pod


@skipped_pods
def test_only_an_enabled_pod_without_a_sidecar_gets_a_warning(
    expected: Json, pod: Json, asked: Json
) -> None:
    asked["request"]["object"] = pod

    silent = expected["reason"] in {"not_enabled", "mirror_pod", "already_injected"}
    assert (answer_to(asked).warnings == []) == silent


@every_pod
def test_a_second_admission_adds_nothing(expected: Json, pod: Json, asked: Json) -> None:
    result, _ = _admit(asked, pod)

    again, operations = _admit(asked, result)

    assert again == result
    if expected["reason"] == "injected":
        assert operations is None
        assert answer_to(asked).reason == "already_injected"


@injected_pods
def test_the_sidecar_is_recognised_by_its_structure_not_by_annotations(
    expected: Json, pod: Json, asked: Json
) -> None:
    del expected
    result, _ = _admit(asked, pod)
    complete = deepcopy(result)
    del result["metadata"]["annotations"][STATUS]
    del result["metadata"]["labels"]["backup.injected"]

    repaired, operations = _admit(asked, result)

    assert operations is not None
    assert {op["path"].split("/")[1] for op in operations} == {"metadata"}
    assert answer_to(asked).reason == "already_injected"
    assert repaired == complete


@every_pod
def test_the_object_in_the_request_stays_unchanged(expected: Json, pod: Json, asked: Json) -> None:
    del expected
    asked["request"]["object"] = pod
    request = review.parse(json.dumps(asked).encode())
    assert request.object is not None
    before = json.dumps(request.object)

    admit.admit(request.object, request.namespace, OPTIONS)

    assert json.dumps(request.object) == before


@every_pod
def test_the_same_request_gets_the_same_bytes(expected: Json, pod: Json, asked: Json) -> None:
    del expected
    asked["request"]["object"] = pod

    assert answer_to(asked).raw == answer_to(deepcopy(asked)).raw


@injected_pods
def test_names_are_unique_and_every_mount_resolves(expected: Json, pod: Json, asked: Json) -> None:
    del expected
    result, _ = _admit(asked, pod)
    spec = result["spec"]
    sidecar = spec["initContainers"][-1]

    assert _unique(item["name"] for item in [*spec["containers"], *spec["initContainers"]])
    assert _unique(volume["name"] for volume in spec["volumes"])
    assert _unique(variable["name"] for variable in sidecar["env"])
    assert _unique(mount["mountPath"] for mount in sidecar["volumeMounts"])
    mounted = {mount["name"] for mount in sidecar["volumeMounts"]}
    assert mounted <= {volume["name"] for volume in spec["volumes"]}


def _admit(asked: Json, pod: Json) -> tuple[Json, list[Json] | None]:
    asked["request"]["object"] = pod
    operations = answer_to(asked).operations
    return apply(pod, operations or []), operations


def _normal(pod: Json) -> Json:
    """Empty, null and absent are one, in the places that we append to and nowhere else."""
    normal = deepcopy(pod)
    for parent, key, _ in GROWING:
        normal[parent][key] = normal[parent].get(key) or None
    return normal


def _unique(names: Iterable[str]) -> bool:
    listed = list(names)
    return len(listed) == len(set(listed))
