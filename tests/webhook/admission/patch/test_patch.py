"""The operations that add a sidecar to whatever the pod has already."""

import json

import pytest

from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import Json, answer_to
from webhook.admission import patch
from webhook.admission.sidecar.container import Additions


def test_keys_with_slash_and_tilde_are_escaped(asked: Json, pod: Json) -> None:
    pod["metadata"]["annotations"]["a/b~c~1d"] = "kept"

    answer = answer_to(asked)
    paths = [operation["path"] for operation in answer.operations or []]

    key = "cluster-autoscaler.kubernetes.io~1safe-to-evict-local-volumes"
    assert f"/metadata/annotations/{key}" in paths
    annotations = apply(pod, answer.operations or [])["metadata"]["annotations"]
    assert annotations["a/b~c~1d"] == "kept"
    assert "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes" in annotations
    assert patch.operations(
        {"metadata": {"labels": {"a": "b"}}},
        Additions((), (), {}, {"x~y/z": "1"}, ()),
    ) == [{"op": "add", "path": "/metadata/labels/x~0y~1z", "value": "1"}]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "backup-state"),
        ("", "backup-state"),
        ("tmp", "tmp,backup-state"),
        ("tmp,cache", "tmp,cache,backup-state"),
        ("backup-state,tmp", "backup-state,tmp"),
    ],
)
def test_the_list_of_evictable_volumes_grows(
    asked: Json, pod: Json, before: str | None, after: str
) -> None:
    key = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
    if before is not None:
        pod["metadata"]["annotations"][key] = before

    result = apply(pod, answer_to(asked).operations or [])

    assert result["metadata"]["annotations"][key] == after


def test_the_status_annotation_is_replaced_and_not_repeated(asked: Json, pod: Json) -> None:
    pod["metadata"]["annotations"]["backup.status"] = '{"injected":false}'

    operations = answer_to(asked).operations or []

    path = "/metadata/annotations/backup.status"
    (status,) = [item["value"] for item in operations if item["path"] == path]
    assert json.loads(status) == {
        "injected": True,
        "reason": "injected",
        "version": "0.1.0",
        "volumes": ["pages"],
        "defaulted": [],
    }
