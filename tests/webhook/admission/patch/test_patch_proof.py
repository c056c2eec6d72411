"""The proof refuses every patch that does more than add, or that leaves a broken pod."""

from copy import deepcopy
from typing import Any

import pytest

from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import Json
from webhook.admission import patch_proof
from webhook.admission.patch_proof import ProofError

# What the proof looks at in our container.
SIDECAR: Json = {
    "name": "backup",
    "restartPolicy": "Always",
    "env": [{"name": "BACKUP_HOST", "value": "wiki"}],
    "volumeMounts": [{"name": "pages", "mountPath": "/backup/pages", "readOnly": True}],
}


def _add(path: str, value: object) -> Json:
    return {"op": "add", "path": path, "value": value}


def _sidecar(**changes: Any) -> list[Json]:  # noqa: ANN401 -- any JSON value
    return [_add("/spec/initContainers", [{**SIDECAR, **changes}])]


def test_a_patch_that_only_adds_is_proven_and_its_result_returned(pod: Json) -> None:
    before = deepcopy(pod)
    operations = [*_sidecar(), _add("/metadata/labels/backup.injected", "true")]

    result = patch_proof.prove(pod, operations)

    assert result == apply(before, operations)
    assert pod == before


def test_an_empty_patch_is_proven(pod: Json) -> None:
    assert patch_proof.prove(pod, []) == pod


@pytest.mark.parametrize(
    ("operation", "rule"),
    [
        ({"op": "replace", "path": "/kind", "value": "Node"}, "operation replace"),
        ({"op": "remove", "path": "/apiVersion"}, "operation remove"),
        (_add("/status", {}), "changes status"),
        ({"op": "replace", "path": "/spec/restartPolicy", "value": "Never"}, "operation replace"),
        (_add("/spec/hostNetwork", True), "changes hostNetwork"),
        ({"op": "remove", "path": "/spec/serviceAccountName"}, "operation remove"),
        ({"op": "remove", "path": "/metadata/ownerReferences"}, "operation remove"),
        (_add("/metadata/name", "x"), "changes name"),
        (_add("/metadata/labels/app", "other"), "changes app"),
        (_add("/metadata/labels/team", "x"), "team|foreign labels"),
        ({"op": "remove", "path": "/metadata/labels/app"}, "operation remove"),
        ({"op": "remove", "path": "/metadata/labels"}, "operation remove"),
        (_add("/metadata/annotations/backup.enabled", "false"), "changes backup.enabled"),
        (_add("/metadata/annotations/backup.schedule", "off"), "schedule|foreign annotations"),
        (
            {"op": "replace", "path": "/spec/volumes/0", "value": {"name": "pages"}},
            "operation replace",
        ),
        ({"op": "remove", "path": "/spec/volumes/2"}, "operation remove"),
        ({"op": "remove", "path": "/spec/volumes"}, "operation remove"),
        (_add("/spec/volumes/0", {"name": "first", "emptyDir": {}}), "element of volumes"),
        (_add("/spec/volumes", []), "element of volumes"),
        (_add("/spec/volumes/-", {"name": "tmp", "emptyDir": {}}), "volume name tmp"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_any_change_but_our_additions_is_refused(pod: Json, operation: Json, rule: str) -> None:
    before = deepcopy(pod)

    with pytest.raises(ProofError, match=rule):
        patch_proof.prove(pod, [operation])
    assert pod == before


def test_an_init_container_of_the_app_must_stay_first(pod: Json) -> None:
    pod["spec"]["initContainers"] = [{"name": "prepare", "image": "x"}]

    with pytest.raises(ProofError, match="existing element of initContainers"):
        patch_proof.prove(pod, [_add("/spec/initContainers/0", SIDECAR)])


def test_an_equal_copy_of_an_element_is_still_a_change(pod: Json) -> None:
    """Identity is what is compared: cheaper than equality, and stricter."""
    volumes = deepcopy(pod["spec"]["volumes"])

    with pytest.raises(ProofError, match="existing element of volumes"):
        patch_proof.prove(pod, [_add("/spec/volumes", volumes)])


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"name": "wiki"}, "container name wiki would exist twice"),
        ({"volumeMounts": SIDECAR["volumeMounts"] * 2}, "mount path /backup/pages would exist"),
        ({"env": SIDECAR["env"] * 2}, "variable BACKUP_HOST would exist twice"),
        ({"volumeMounts": [{"name": "gone", "mountPath": "/x"}]}, r"unknown volumes \['gone'\]"),
    ],
    ids=["container", "mount-path", "variable", "unresolved-mount"],
)
def test_a_sidecar_that_could_not_run_is_refused(pod: Json, changes: Json, rule: str) -> None:
    with pytest.raises(ProofError, match=rule):
        patch_proof.prove(pod, _sidecar(**changes))


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere/below",
        "/spec/containers/7/image",
        "/spec/containers/0/env",
        "/spec/containers/-",
        "/spec/volumes/0/emptyDir",
        "/metadata/annotations/backup.status/x",
        "/spec/initContainers/-",
        "/spec/volumes/99",
        "/spec/volumes/x",
        "/spec/restartPolicy/x",
        "/spec/terminationGracePeriodSeconds/x",
        "/metadata/ownerReferences/0/controller/x",
        "no/pointer",
        "/metadata/labels/~2",
    ],
)
def test_a_patch_that_does_not_apply_is_refused(pod: Json, path: str) -> None:
    before = deepcopy(pod)

    with pytest.raises(ProofError, match="does not apply"):
        patch_proof.prove(pod, [_add(path, {})])
    assert pod == before


@pytest.mark.parametrize("excess", [0, 1])
def test_annotations_fit_up_to_the_limit_of_the_api_server(pod: Json, excess: int) -> None:
    """256 KiB of keys and values together, counted in bytes."""
    key, text = "example.net/note", "ü"
    room = 256 * 1024 - len("backup.enabledtruebackup.status{}") - len(key)
    pod["metadata"]["annotations"][key] = text * (room // 2) + "x" * (room % 2 + excess)
    operations = [_add("/metadata/annotations/backup.status", "{}")]

    if excess:
        with pytest.raises(ProofError, match=f"annotations would take {256 * 1024 + 1} bytes"):
            patch_proof.prove(pod, operations)
    else:
        assert (
            patch_proof.prove(pod, operations)["metadata"]["annotations"]["backup.status"] == "{}"
        )


@pytest.mark.parametrize("key", ["env", "volumeMounts"])
def test_a_repair_adds_to_our_lists_and_replaces_no_entry(pod: Json, key: str) -> None:
    """The API server calls us again where another webhook took something from our container."""
    state = {"name": "backup-state", "mountPath": "/var/lib/backup"}
    ours = {**SIDECAR, "volumeMounts": [*SIDECAR["volumeMounts"], state]}
    more: Json = {"env": {"name": "X", "value": "1"}, "volumeMounts": {**state, "mountPath": "/x"}}
    pod["spec"]["volumes"].append({"name": "backup-state", "emptyDir": {}})
    pod["spec"]["initContainers"] = [ours]
    path = f"/spec/initContainers/0/{key}"

    added = patch_proof.prove(pod, [_add(f"{path}/-", more[key])])
    assert added["spec"]["initContainers"][0][key] == [*ours[key], more[key]]
    for replaced in ([more[key]], [more[key], *ours[key]], ours[key][:-1]):
        with pytest.raises(ProofError, match="existing element of initContainers"):
            patch_proof.prove(pod, [_add(path, replaced)])
