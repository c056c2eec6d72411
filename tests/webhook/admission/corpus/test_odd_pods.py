"""Pods that the API server would hardly send: of the wrong types, or as large as can be."""

from time import process_time

import pytest

from tests.webhook.admitting import Json, answer_to
from tests.webhook.server.http_calls import application, review, verdict

WRONG_TYPES: list[tuple[str, object, str]] = [
    ("metadata", "x", "invalid_pod"),
    ("metadata", ["x"], "invalid_pod"),
    ("metadata", 7, "invalid_pod"),
    ("metadata", [], "not_enabled"),
    ("metadata", None, "not_enabled"),
    ("metadata.annotations", [], "not_enabled"),
    ("metadata.annotations", ["backup.enabled"], "invalid_pod"),
    ("metadata.annotations", "backup.enabled", "invalid_pod"),
    ("metadata.annotations", 7, "invalid_pod"),
    ("metadata.labels", "x", "invalid_pod"),
    ("metadata.labels", ["x"], "invalid_pod"),
    ("metadata.ownerReferences", "x", "invalid_pod"),
    ("metadata.ownerReferences", {"controller": True}, "invalid_pod"),
    ("metadata.ownerReferences", [{"controller": True}], "internal_error"),
    ("metadata.ownerReferences", [None], "invalid_pod"),
    ("spec", "x", "invalid_pod"),
    ("spec", [1], "invalid_pod"),
    ("spec", True, "invalid_pod"),
    ("spec.containers", {"a": 1}, "invalid_pod"),
    ("spec.containers", "a", "invalid_pod"),
    ("spec.containers", [None], "invalid_pod"),
    ("spec.containers", [[]], "invalid_pod"),
    ("spec.initContainers", "a", "invalid_pod"),
    ("spec.initContainers", {"a": 1}, "invalid_pod"),
    ("spec.volumes", "a", "invalid_pod"),
    ("spec.volumes", {"a": 1}, "invalid_pod"),
    ("spec.volumes", [{}], "internal_error"),
    ("spec.volumes", [None], "invalid_pod"),
    ("spec.os", "windows", "invalid_pod"),
    ("spec.nodeSelector", "x", "invalid_pod"),
    ("spec.securityContext", "x", "invalid_pod"),
]


@pytest.mark.parametrize(("path", "value", "reason"), WRONG_TYPES)
def test_a_pod_with_fields_of_the_wrong_type_is_admitted_unchanged(
    asked: Json, pod: Json, path: str, value: object, reason: str
) -> None:
    """The API server never sends one; if it did, the pod would be its business."""
    *parents, last = path.split(".")
    target = pod
    for key in parents:
        target = target[key]
    target[last] = value

    response = verdict(review(application(), asked))

    assert response["auditAnnotations"] == {"reason": reason}
    assert "patch" not in response
    assert all("Traceback" not in warning for warning in response.get("warnings", []))


@pytest.mark.parametrize("path", ["spec", "spec.containers", "spec.volumes"])
@pytest.mark.parametrize("value", [None, [], {}])
def test_a_pod_without_required_fields_is_admitted_with_a_reason(
    asked: Json, pod: Json, path: str, value: object
) -> None:
    *parents, last = path.split(".")
    target = pod[parents[0]] if parents else pod
    target[last] = value

    response = verdict(review(application(), asked))

    assert response["auditAnnotations"] == {"reason": "no_volumes"}


def test_an_empty_object_is_not_enabled(asked: Json) -> None:
    asked["request"]["object"] = {}

    assert verdict(review(application(), asked))["auditAnnotations"] == {"reason": "not_enabled"}


def _seconds_to_decide(asked: Json) -> float:
    """Return the processor time, so that a busy machine does not matter."""
    started = process_time()
    assert answer_to(asked).reason == "injected"
    return process_time() - started


def test_a_pod_with_thousands_of_volumes_does_not_delay_others(asked: Json, pod: Json) -> None:
    """One process answers for the whole cluster, and the API server waits 5 seconds."""
    numbers = range(6000)
    claim = {"claimName": "x"}
    pod["spec"]["volumes"] += [
        {"name": f"v{number}", "persistentVolumeClaim": claim} for number in numbers
    ]
    pod["spec"]["containers"][0]["volumeMounts"] += [
        {"name": f"v{number}", "mountPath": f"/v{number}"} for number in numbers
    ]

    assert _seconds_to_decide(asked) < 0.5


def test_a_pod_with_thousands_of_unknown_settings_does_not_delay_others(
    asked: Json, pod: Json
) -> None:
    pod["metadata"]["annotations"] |= {f"backup.s{number}": "" for number in range(14_000)}

    assert _seconds_to_decide(asked) < 0.5
