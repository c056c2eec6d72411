"""A pod has our sidecar by its structure: no mark, and no container of the same name, makes one."""

from typing import Any

import pytest

from contract import coverage, names

STATE = {"name": names.STATE_VOLUME, "mountPath": names.STATE_DIR}
OURS: dict[str, Any] = {
    "name": names.CONTAINER, "command": [names.COMMAND], "restartPolicy": "Always",
    "volumeMounts": [STATE],
}  # fmt: skip


def _pod(container: dict[str, Any]) -> dict[str, Any]:
    labels = {names.INJECTED_LABEL: "true"}
    return {"metadata": {"labels": labels}, "spec": {"initContainers": [container]}}


@pytest.mark.parametrize(
    "changed",
    [
        {}, {"restartPolicy": None}, {"command": ["sleep"]},
        {"restartPolicy": None, "command": [names.OLD_COMMAND]},
    ],
    ids=str,
)  # fmt: skip
def test_a_sidecar_is_ours_even_with_parts_removed(changed: dict[str, Any]) -> None:
    assert coverage.has_sidecar(_pod({**OURS, **changed}))


@pytest.mark.parametrize(
    "changed",
    [
        {"volumeMounts": []}, {"volumeMounts": [{"name": "data"}]}, {"name": "backups"},
        {"restartPolicy": None, "command": ["sleep"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_container_that_only_resembles_the_sidecar_is_not_ours(changed: dict[str, Any]) -> None:
    assert not coverage.has_sidecar(_pod({**OURS, **changed}))


@pytest.mark.parametrize(
    ("limits", "lowered"),
    [
        ({"cpu": "10m", "memory": "64Mi"}, ""), ({"cpu": "1", "memory": "1Gi"}, ""),
        ({"cpu": "9m", "memory": "64Mi"}, "cpu limit to 9m"),
        ({"cpu": "10m", "memory": "63Mi"}, "memory limit to 63Mi"),
        ({"memory": "1Mi"}, "memory limit to 1Mi"), ({"cpu": "1m"}, "cpu limit to 1m"),
        ({"cpu": None, "memory": None}, ""), ({}, ""), (None, ""),
    ],
)  # fmt: skip
def test_a_limit_below_what_backups_need_is_named(limits: object, lowered: str) -> None:
    said = coverage.shortage(_pod({**OURS, "resources": {"limits": limits}}))

    assert bool(said) is bool(lowered)
    assert lowered in said


@pytest.mark.parametrize("resources", [{}, {"resources": None}, {"resources": {"requests": {}}}])
def test_a_sidecar_without_limits_has_enough(resources: dict[str, Any]) -> None:
    assert coverage.shortage(_pod({**OURS, **resources})) == ""


def test_limits_of_other_containers_do_not_count() -> None:
    other = {**OURS, "name": "app", "resources": {"limits": {"memory": "1Mi"}}}
    pod = _pod(other)
    pod["spec"]["initContainers"] += [{**OURS, "resources": {"limits": {"memory": "1Gi"}}}, other]

    assert coverage.shortage(pod) == ""
    assert coverage.shortage({"spec": {"containers": [other]}}) == ""
    assert coverage.shortage({}) == coverage.shortage({"spec": None}) == ""


CLAIM = {"name": "data", "persistentVolumeClaim": {"claimName": "wiki"}}


@pytest.mark.parametrize(
    ("spec", "uses"),
    [
        ({"containers": [{"volumeMounts": [{"name": "data"}]}], "volumes": [CLAIM]}, True),
        ({"initContainers": [{"volumeMounts": [{"name": "data"}]}], "volumes": [CLAIM]}, True),
        ({"containers": [{"volumeDevices": [{"name": "data"}]}], "volumes": [CLAIM]}, True),
        ({"containers": [{"volumeMounts": [{"name": "tmp"}]}], "volumes": [CLAIM]}, False),
        ({"containers": [{"volumeMounts": None}], "volumes": [CLAIM]}, False),
        ({"containers": [{"volumeMounts": [{"name": "data"}]}], "volumes": None}, False),
        ({"containers": None, "volumes": [CLAIM]}, False),
        (None, False),
    ],
    ids=str,
)
def test_a_claim_counts_where_a_container_mounts_it(spec: object, *, uses: bool) -> None:
    assert coverage.uses_claims({"spec": spec}) is uses


@pytest.mark.parametrize(
    ("pod", "over"),
    [
        ({"status": {"phase": "Succeeded"}}, True), ({"status": {"phase": "Failed"}}, True),
        ({"status": {"phase": "Running"}}, False), ({"status": {"phase": "Pending"}}, False),
        ({"status": None, "metadata": None}, False),
        ({"metadata": {"deletionTimestamp": "2026-12-01T00:00:00Z"}}, True),
    ],
    ids=str,
)  # fmt: skip
def test_a_pod_is_over_when_it_completed_or_terminates(pod: dict[str, Any], *, over: bool) -> None:
    assert coverage.over(pod) is over


@pytest.mark.parametrize("written", ["[]", "7", "{", "[" * 100_000, "", None])
def test_an_unreadable_status_is_ignored(written: str | None) -> None:
    pod = {"metadata": {"annotations": {names.STATUS_ANNOTATION: written}}}

    assert coverage.status(pod) == {}
    assert coverage.stated(pod) == ""


def test_the_namespaces_of_kubernetes_are_never_injected() -> None:
    assert coverage.NEVER_INJECTED == ("kube-system", "kube-public")
