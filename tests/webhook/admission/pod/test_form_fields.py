"""Every field that admission reads is looked at, whichever list it is in; nothing else is."""

from typing import Any

import pytest

from webhook.admission.pod import form

_CONTAINER: tuple[tuple[str, object, str], ...] = (
    ("name", 7, "text"), ("image", 7, "text"), ("restartPolicy", True, "text"),
    ("command", ["sh", 7], "text"), ("command", "sh", "a list"), ("args", [7], "text"),
    ("env", [{"name": 7}], "text"), ("env", "A=B", "a list"),
    ("envFrom", ["config"], "a mapping"),
    ("volumeMounts", [{"name": 7}], "text"), ("volumeMounts", [{"mountPath": 7}], "text"),
    ("volumeMounts", [{"subPath": 7}], "text"), ("volumeMounts", [{"subPathExpr": 7}], "text"),
    ("volumeMounts", [{"readOnly": "no"}], "true or false"),
    ("volumeDevices", [{"name": 7}], "text"),
    ("resources", {"requests": []}, "a mapping"), ("resources", {"limits": {"cpu": "x"}}, "a Kub"),
    ("securityContext", "root", "a mapping"),
)  # fmt: skip
_SECURITY: tuple[tuple[str, object, str], ...] = (
    ("runAsUser", "0", "a whole number"), ("runAsGroup", "0", "a whole number"),
    ("fsGroup", 1.5, "a whole number"), ("runAsUser", False, "a whole number"),
    ("runAsNonRoot", 1, "true or false"), ("privileged", "no", "true or false"),
    ("readOnlyRootFilesystem", 0, "true or false"), ("seLinuxOptions", "x", "a mapping"),
    ("windowsOptions", [], "a mapping"), ("capabilities", ["ALL"], "a mapping"),
    ("appArmorProfile", "Unconfined", "a mapping"), ("appArmorProfile", {"type": 7}, "text"),
)  # fmt: skip
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_TERM: tuple[tuple[dict[str, object], str], ...] = (
    ({"matchExpressions": [{"key": 7}]}, "text"), ({"matchExpressions": [{"operator": 7}]}, "text"),
    ({"matchExpressions": [{"values": [7]}]}, "text"), ({"matchExpressions": {}}, "a list"),
    ({"matchFields": "x"}, "a list"), ({"matchFields": ["x"]}, "a mapping"),
)  # fmt: skip
_SPEC: tuple[tuple[dict[str, Any], str], ...] = (
    ({"volumes": "data"}, "a list"), ({"volumes": [{"name": 7}]}, "text"),
    ({"volumes": [{"persistentVolumeClaim": "x"}]}, "a mapping"),
    ({"volumes": [{"persistentVolumeClaim": {"claimName": 7}}]}, "text"),
    ({"resources": {"limits": {"memory": "much"}}}, "a Kubernetes quantity"),
    ({"overhead": {"memory": "much"}}, "a Kubernetes quantity"),
    ({"nodeSelector": {"disk": 7}}, "text"), ({"affinity": "x"}, "a mapping"),
    ({"affinity": {"nodeAffinity": []}}, "a mapping"),
    ({"affinity": {"nodeAffinity": {_REQUIRED: {"nodeSelectorTerms": {}}}}}, "a list"),
    *(({"affinity": {"nodeAffinity": {_REQUIRED: {"nodeSelectorTerms": [term]}}}}, said)
      for term, said in _TERM),
    ({"os": "windows"}, "a mapping"), ({"os": {"name": 7}}, "text"),
    ({"imagePullSecrets": ["pull"]}, "a mapping"), ({"imagePullSecrets": [{"name": 7}]}, "text"),
    ({"terminationGracePeriodSeconds": "30"}, "a whole number"),
    ({"shareProcessNamespace": "true"}, "true or false"),
    *(({"securityContext": {key: value}}, said) for key, value, said in _SECURITY),
    *(({where: [{key: value}]}, said) for where in ("containers", "initContainers")
      for key, value, said in _CONTAINER),
    *(({where: [{"securityContext": {key: value}}]}, said)
      for where in ("containers", "initContainers") for key, value, said in _SECURITY),
)  # fmt: skip
_METADATA: tuple[tuple[dict[str, Any], str], ...] = (
    ({"name": 7}, "text"), ({"generateName": 7}, "text"), ({"namespace": 7}, "text"),
    ({"annotations": []}, "a mapping"), ({"labels": "app"}, "a mapping"),
    ({"annotations": {"a": 1.5}}, "text"), ({"annotations": {"example.com/on": True}}, "text"),
    ({"labels": {"version": 1.1}}, "text"), ({"labels": {"on": True}}, "text"),
    ({"ownerReferences": {}}, "a list"), ({"ownerReferences": [{"kind": 7}]}, "text"),
    ({"ownerReferences": [{"name": 7}]}, "text"),
    ({"ownerReferences": [{"controller": "true"}]}, "true or false"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("part", "fields", "said"),
    [*(("spec", *each) for each in _SPEC), *(("metadata", *each) for each in _METADATA)],
    ids=str,
)
def test_each_field_that_is_read_has_its_type_checked(
    part: str, fields: dict[str, Any], said: str
) -> None:
    found = form.fault({part: fields})

    (key,) = fields
    assert found.startswith(f"{part}.{key}")
    assert f": write {said}" in found


@pytest.mark.parametrize(
    "pod",
    [
        {"metadata": {"uid": 7, "ownerReferences": [{"uid": 7}], "labels": {"a": None}}},
        {"metadata": {"annotations": {"backup.enabled": True, "backup.schedule": [7]}}},
        {"spec": {"priority": "high", "volumes": [{"emptyDir": []}], "os": {"version": 7}}},
        {"spec": {"affinity": {"podAffinity": 7}, "containers": [{"ports": "none"}]}},
        {"spec": {"containers": [{"securityContext": {"procMount": 7, "capabilities": {"a": 7}}}]}},
        {"spec": {"overhead": {"cpu": 1, "memory": "1Mi"}, "nodeSelector": {"disk": None}}},
    ],
    ids=str,
)
def test_fields_that_are_not_read_may_have_any_type(pod: dict[str, Any]) -> None:
    assert form.fault(pod) == ""


def test_the_first_of_several_invalid_fields_is_named() -> None:
    fields = {"volumes": [{"name": 1}, {"name": 2}], "os": 7}

    assert form.fault({"spec": fields}).startswith("spec.volumes[0].name '1'")
    fields["volumes"] = [{"name": "a"}, {"name": 2}]
    assert form.fault({"spec": fields}).startswith("spec.volumes[1].name '2'")


@pytest.mark.parametrize(("length", "shown"), [(60, "x" * 60), (61, "x" * 60 + "…")])
def test_a_value_of_sixty_characters_is_shown_in_full(length: int, shown: str) -> None:
    assert form.fault({"spec": "x" * length}) == f"spec '{shown}': write a mapping"


def test_a_pod_that_is_no_object_is_named() -> None:
    assert form.fault("x") == "the pod 'x': write a mapping"
    assert form.fault(None) == ""
