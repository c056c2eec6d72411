"""Pods that say nothing about backups, by what their namespace and the chart say for them."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import jsonpatch
import pytest

from contract.annotations import namespace
from contract.annotations.namespace import Policy
from contract.workloads.left_out import LEFT_OUT
from tests.webhook.admitting import OPTIONS, Json
from webhook.admission.admit import Admission, admit
from webhook.admission.model import NamespaceContext, Options

ALL = replace(OPTIONS, enabled=Policy.ALL)
NAMESPACES = replace(OPTIONS, enabled=Policy.NAMESPACES)


def around(annotations: Json | None = None, **changes: Any) -> NamespaceContext:  # noqa: ANN401 -- fields of the context
    return NamespaceContext(defaults=namespace.read(annotations or {}), **changes)


def silent(pod: Json) -> Json:
    """Return the pod without annotations."""
    made = deepcopy(pod)
    del made["metadata"]["annotations"]
    return made


def owned(pod: Json, kind: str, version: str = "apps/v1") -> Json:
    made = silent(pod)
    made["metadata"]["ownerReferences"][0] |= {"kind": kind, "apiVersion": version, "name": "x"}
    return made


def result(pod: Json, admission: Admission) -> Json:
    """Return the pod as it is created."""
    made: Json = jsonpatch.apply_patch(pod, list(admission.operations))
    return made


def reason(pod: Json, options: Options, annotations: Json | None = None) -> str:
    return admit(pod, "prod", options, around(annotations)).reason


_ON, _OFF, _BAD = {"backup.enabled": "true"}, {"backup.enabled": "no"}, {"backup.enabled": "ture"}
DECISIONS = [
    # The chart, the namespace, the pod without annotation, with "false", with "true".
    (Policy.ANNOTATED, {}, "not_enabled", "not_enabled", "injected"),
    (Policy.ANNOTATED, _ON, "not_enabled", "not_enabled", "injected"),
    (Policy.ANNOTATED, _OFF, "not_enabled", "not_enabled", "injected"),
    (Policy.NAMESPACES, {}, "not_enabled", "not_enabled", "injected"),
    (Policy.NAMESPACES, _ON, "injected", "not_enabled", "injected"),
    (Policy.NAMESPACES, _OFF, "not_enabled", "not_enabled", "injected"),
    (Policy.NAMESPACES, _BAD, "not_enabled", "not_enabled", "injected"),
    (Policy.ALL, {}, "injected", "not_enabled", "injected"),
    (Policy.ALL, _ON, "injected", "not_enabled", "injected"),
    (Policy.ALL, _OFF, "not_enabled", "not_enabled", "injected"),
    (Policy.ALL, _BAD, "injected", "not_enabled", "injected"),
]


@pytest.mark.parametrize(("policy", "said", "nothing", "no", "yes"), DECISIONS)
def test_a_pod_outranks_its_namespace_which_outranks_the_chart(
    pod: Json, policy: Policy, said: Json, nothing: str, no: str, yes: str
) -> None:
    options = replace(OPTIONS, enabled=policy)
    empty, refusing = deepcopy(pod), deepcopy(pod)
    empty["metadata"]["annotations"] = {"backup.enabled": " "}
    refusing["metadata"]["annotations"] = {"backup.enabled": "false"}

    assert reason(silent(pod), options, said) == nothing
    assert reason(empty, options, said) == nothing
    assert reason(refusing, options, said) == no
    assert reason(pod, options, said) == yes


def test_what_holds_by_default_shows_on_the_pod(pod: Json) -> None:
    made = result(silent(pod), admit(silent(pod), "prod", ALL, around()))

    assert made["metadata"]["annotations"]["backup.enabled"] == "true"
    assert json.loads(made["metadata"]["annotations"]["backup.status"])["injected"] is True
    asked = result(pod, admit(pod, "prod", ALL, around()))
    assert made["spec"] == asked["spec"], "it is backed up as one that asks"


def test_a_pod_that_cannot_be_backed_up_by_default_says_so(pod: Json) -> None:
    made = silent(pod)
    made["spec"]["containers"][0]["name"] = "backup"

    shown = result(made, admit(made, "prod", ALL, around()))

    assert shown["metadata"]["annotations"]["backup.enabled"] == "true"
    status = json.loads(shown["metadata"]["annotations"]["backup.status"])
    assert status["reason"] == "name_conflict"


def test_a_second_look_changes_nothing(pod: Json) -> None:
    made = result(silent(pod), admit(silent(pod), "prod", ALL, around()))

    again = admit(made, "prod", ALL, around())

    assert (again.reason, again.operations) == ("already_injected", ())


def test_a_sidecar_of_a_pod_without_its_annotation_is_completed(pod: Json) -> None:
    """Another webhook may have removed the annotation, and a part of the sidecar with it."""
    made = result(silent(pod), admit(silent(pod), "prod", ALL, around()))
    whole = deepcopy(made)
    del made["metadata"]["annotations"]["backup.enabled"]
    sidecar = made["spec"]["initContainers"][-1]
    sidecar["volumeMounts"] = [m for m in sidecar["volumeMounts"] if m["name"] != "pages"]

    again = result(made, admit(made, "prod", ALL, around()))

    mounts = again["spec"]["initContainers"][-1]["volumeMounts"]
    assert {each["name"] for each in mounts} == {
        each["name"] for each in whole["spec"]["initContainers"][-1]["volumeMounts"]
    }


UNTOUCHED: dict[str, Any] = {
    "no volumes": {"volumes": [], "containers": [{"name": "a", "image": "a"}]},
    "no claim": {"volumes": [{"name": "pages", "emptyDir": {}}]},
    "an ephemeral volume": {"volumes": [{"name": "pages", "ephemeral": {}}]},
    "a claim that nothing mounts": {"containers": [{"name": "a", "image": "a"}]},
    "a claim as a block device": {"containers": [
        {"name": "a", "image": "a", "volumeDevices": [{"name": "pages", "devicePath": "/dev/x"}]}
    ]},
}  # fmt: skip


@pytest.mark.parametrize("case", UNTOUCHED)
def test_a_pod_that_mounts_no_claim_is_left_alone(pod: Json, case: str) -> None:
    made = silent(pod)
    made["spec"] |= UNTOUCHED[case]

    admission = admit(made, "prod", ALL, around(_BAD | {"backup.keep-daily": "x"}))

    assert (admission.reason, admission.operations) == ("not_enabled", ())


_VERSIONS = {"": "v1", "Job": "batch/v1"}


@pytest.mark.parametrize("owner", LEFT_OUT)
def test_a_controller_whose_pods_must_not_change_is_left_out(pod: Json, owner: str) -> None:
    kind, _, group = owner.partition(".")
    version = f"{group}/v1beta2" if group else _VERSIONS.get(kind, "v1")
    made = owned(pod, kind, version)

    assert reason(made, ALL) == "not_enabled"
    assert reason(made, NAMESPACES, _ON) == "not_enabled"
    made["metadata"]["annotations"] = {"backup.enabled": "true"}
    assert reason(made, ALL) == "injected", "the pod may ask"
    del made["metadata"]["annotations"]
    kept = replace(ALL, left_out=frozenset(LEFT_OUT) - {owner})
    assert reason(made, kept) == "injected", "the chart may take it off the list"


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("ReplicaSet", "apps/v1"), ("StatefulSet", "apps/v1"), ("DaemonSet", "apps/v1"),
        ("Cluster", "example.com/v1"), ("Workflow", "example.com/v1"),
        ("Jobs", "batch/v1"), ("ReplicationController", "v1"),
    ],
)  # fmt: skip
def test_other_controllers_are_not_left_out(pod: Json, kind: str, version: str) -> None:
    assert reason(owned(pod, kind, version), ALL) == "injected"


def test_an_owner_that_is_no_controller_does_not_count(pod: Json) -> None:
    made = owned(pod, "Job", "batch/v1")
    made["metadata"]["ownerReferences"][0]["controller"] = False

    assert reason(made, ALL) == "injected"
    del made["metadata"]["ownerReferences"]
    assert reason(made, ALL) == "injected", "a pod that a person made"


# Settings


def environment(pod: Json, options: Options, annotations: Json) -> Json:
    (sidecar,) = admit(pod, "prod", options, around(annotations)).additions.containers
    return {each["name"]: each.get("value") for each in sidecar["env"]}


def test_settings_go_from_pod_to_namespace_to_chart(pod: Json) -> None:
    """The sidecar gets both below its Secret as one layer; its own annotations it reads itself."""
    pod["metadata"]["annotations"]["backup.keep-last"] = "9"
    options = replace(OPTIONS, defaults={"schedule": "@weekly", "digest": "@monthly"})
    given = {"backup.schedule": "@daily", "backup.keep-last": "3", "backup.keep-daily": "many"}

    defaults = json.loads(environment(pod, options, given)["BACKUP_DEFAULTS"])

    assert defaults == {"schedule": "@daily", "keep-last": "3", "digest": "@monthly"}


def test_an_invalid_setting_of_a_namespace_falls_to_the_charts_and_is_named(pod: Json) -> None:
    options = replace(OPTIONS, defaults={"keep-daily": "5"})
    given = {"backup.keep-daily": "many", "backup.keep-dayly": "2", "backup.name": "wiki"}

    admission = admit(pod, "prod", options, around(given))

    (sidecar,) = admission.additions.containers
    env = {each["name"]: each.get("value") for each in sidecar["env"]}
    assert json.loads(env["BACKUP_DEFAULTS"]) == {"keep-daily": "5"}
    assert env["BACKUP_HOST"] == "wiki"
    assert "BACKUP_HOST_GIVEN" not in env, "one name for all pods would mix their backups up"
    lines = "\n".join(admission.warnings)
    for key in ("keep-daily", "keep-dayly", "name"):
        assert f"namespace annotation backup.{key} " in lines


@pytest.mark.parametrize(
    ("key", "value", "path", "expected"),
    [
        ("secret", "store", ("envFrom", 0, "secretRef", "name"), "store"),
        ("run-as", "1234", ("securityContext", "runAsUser"), 1234),
        ("memory-limit", "512Mi", ("resources", "limits", "memory"), "512Mi"),
    ],
)
def test_settings_of_the_pods_form_come_from_the_namespace_too(
    pod: Json, key: str, value: str, path: tuple[Any, ...], expected: object
) -> None:
    (sidecar,) = admit(pod, "prod", OPTIONS, around({f"backup.{key}": value})).additions.containers

    found: Any = sidecar
    for each in path:
        found = found[each]
    assert found == expected


def test_a_namespace_names_no_secret_that_the_chart_does_not_allow(pod: Json) -> None:
    options = replace(OPTIONS, secrets=frozenset({"one"}))

    (sidecar,) = admit(
        pod, "prod", options, around({"backup.secret": "other"})
    ).additions.containers

    assert sidecar["envFrom"][0]["secretRef"]["name"] != "other"


def test_a_namespace_asks_for_restores(pod: Json) -> None:
    admission = admit(silent(pod), "prod", ALL, around({"backup.restore": "required"}))

    restorer = admission.additions.restorer
    assert restorer is not None
    assert {"name": "BACKUP_RESTORE", "value": "required"} in restorer["env"]


def test_a_namespace_lowers_no_floor(pod: Json) -> None:
    """There is no annotation for what the operator guarantees."""
    options = replace(OPTIONS, defaults={"floor-last": "9", "shrink-grace": "7d"})
    given = {"backup.floor-last": "0", "backup.shrink-grace": "0d", "floor-last": "0"}

    defaults = json.loads(environment(pod, options, given)["BACKUP_DEFAULTS"])

    assert defaults == {"floor-last": "9", "shrink-grace": "7d"}
