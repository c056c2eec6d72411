"""A second call on the same pod: nothing is added twice, and what somebody took comes back."""

import json
from copy import deepcopy

import pytest

from contract import names
from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import OPTIONS, STATUS, Json
from webhook.admission.admit import admit
from webhook.admission.model import NamespaceContext
from webhook.admission.policies import limit_range


@pytest.fixture
def injected(pod: Json) -> Json:
    """The pod with its sidecar, and with the container that restores."""
    pod["metadata"]["annotations"]["backup.restore"] = "if-empty"
    return _again(pod, "injected")


def _again(pod: Json, reason: str = "already_injected") -> Json:
    admission = admit(deepcopy(pod), "prod", OPTIONS)
    assert admission.reason == reason
    found: Json = apply(deepcopy(pod), list(admission.operations))
    return found


def _ours(pod: Json, name: str = names.CONTAINER) -> Json:
    (found,) = (each for each in pod["spec"]["initContainers"] if each["name"] == name)
    return dict(found)


def test_a_complete_pod_stays_unchanged(injected: Json) -> None:
    assert admit(injected, "prod", OPTIONS).operations == ()


@pytest.mark.parametrize("name", [names.CONTAINER, names.RESTORE_CONTAINER])
@pytest.mark.parametrize("key", ["env", "volumeMounts"])
def test_removed_parts_of_our_containers_are_restored(injected: Json, name: str, key: str) -> None:
    changed = deepcopy(injected)
    for each in changed["spec"]["initContainers"]:
        if each["name"] == name:
            del each[key][-1]

    found = _again(changed)

    by = {"env": "name", "volumeMounts": "mountPath"}[key]
    assert {each[by] for each in _ours(found, name)[key]} == {
        each[by] for each in _ours(injected, name)[key]
    }
    assert len(found["spec"]["initContainers"]) == len(injected["spec"]["initContainers"])


def test_a_removed_volume_label_and_annotation_are_restored(injected: Json) -> None:
    changed = deepcopy(injected)
    changed["spec"]["volumes"] = [
        each for each in changed["spec"]["volumes"] if each["name"] != names.SECRET_VOLUME
    ]
    del changed["metadata"]["labels"][names.INJECTED_LABEL]
    del changed["metadata"]["annotations"][STATUS]

    found = _again(changed)

    assert sorted(each["name"] for each in found["spec"]["volumes"]) == sorted(
        each["name"] for each in injected["spec"]["volumes"]
    )
    assert found["metadata"] == injected["metadata"]


def test_a_removed_restore_container_returns_once_in_its_place(injected: Json) -> None:
    changed = deepcopy(injected)
    containers = changed["spec"]["initContainers"]
    changed["spec"]["initContainers"] = [
        each for each in containers if each["name"] != names.RESTORE_CONTAINER
    ]

    assert _again(changed) == injected


def test_a_status_of_another_version_stays(injected: Json) -> None:
    """While versions are rolled out, two of ours would else rewrite each other's."""
    changed = deepcopy(injected)
    status = json.loads(changed["metadata"]["annotations"][STATUS])
    changed["metadata"]["annotations"][STATUS] = json.dumps({**status, "version": "0.0.1"})

    assert admit(changed, "prod", OPTIONS).operations == ()


def test_a_pod_that_would_now_be_skipped_is_not_repaired(injected: Json) -> None:
    changed = deepcopy(injected)
    for each in changed["spec"]["initContainers"]:
        if each["name"] == names.CONTAINER:
            del each["env"][-1]
    item = {"type": "Container", "max": {"memory": "16Mi"}}
    around = NamespaceContext(limits=limit_range.read({"spec": {"limits": [item]}}))

    assert admit(changed, "prod", OPTIONS, around).operations == ()
