"""What a namespace allows, and what the sidecar asks for there; nothing where there is no room."""

import json
from typing import Any

import pytest

from contract.names import Reason
from demo import app
from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import OPTIONS, Json
from webhook.admission.admit import Admission, admit
from webhook.admission.model import NamespaceContext
from webhook.admission.policies import limit_range, resource_quota

_SMALL = {"requests": {"cpu": "1m", "memory": "1Mi"}}


def _pod(**resources: Json) -> Json:
    pod: Json = app.pod()
    for container in pod["spec"]["containers"]:
        container["resources"] = resources
    return pod


def _limited(**item: Any) -> NamespaceContext:  # noqa: ANN401 -- any JSON
    found = {"spec": {"limits": [{"type": "Container", **item}]}}
    return NamespaceContext(limits=limit_range.read(found))


def _quota(hard: Json, used: Json | None = None, **spec: Any) -> NamespaceContext:  # noqa: ANN401 -- JSON
    found = {
        "metadata": {"name": "team"},
        "spec": {"hard": hard, **spec},
        "status": {"hard": hard, "used": used or dict.fromkeys(hard, "0")},
    }
    return NamespaceContext(quotas=(resource_quota.read(found),))


def _admitted(around: NamespaceContext, pod: Json | None = None) -> Admission:
    return admit(pod or _pod(), "prod", OPTIONS, around)


def _resources(around: NamespaceContext, pod: Json | None = None) -> Json:
    admission = _admitted(around, pod)
    assert admission.reason is Reason.INJECTED, admission.warnings
    found: Json = admission.additions.containers[0]["resources"]
    return found


def _refused(around: NamespaceContext, pod: Json | None = None) -> str:
    """Return the warning of a pod that is admitted as it came, but for its status."""
    given = pod or _pod()
    admission = _admitted(around, given)
    assert admission.reason is Reason.QUOTA
    result = apply(given, list(admission.operations))
    assert result["spec"] == given["spec"]
    status = json.loads(result["metadata"]["annotations"]["backup.status"])
    assert (status["injected"], status["reason"]) == (False, "quota")
    return admission.warnings[-1]


def test_resources_stay_unchanged_where_they_fit() -> None:
    usual = {"limits": {"memory": "256Mi"}, "requests": {"cpu": "1m", "memory": "16Mi"}}

    assert _resources(NamespaceContext()) == usual
    assert _resources(_limited(max={"memory": "1Gi"})) == usual
    assert _resources(_quota({"requests.memory": "1Gi"}), _pod(**_SMALL)) == usual


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"min": {"memory": "64Mi"}}, {"requests": {"cpu": "1m", "memory": "64Mi"}}),
        ({"min": {"memory": "512Mi"}}, {"limits": {"memory": "512Mi"}}),
        ({"max": {"memory": "128Mi"}}, {"limits": {"memory": "128Mi"}}),
        ({"max": {"cpu": "1"}}, {"limits": {"memory": "256Mi", "cpu": "1000m"}}),
        (
            {"maxLimitRequestRatio": {"memory": "2"}},
            {"requests": {"cpu": "1m", "memory": "128Mi"}},
        ),
        ({"maxLimitRequestRatio": {"cpu": "4"}}, {"requests": {"cpu": "50m", "memory": "16Mi"}}),
        (
            {"min": {"memory": "64Mi"}, "maxLimitRequestRatio": {"memory": "100"}},
            {"requests": {"cpu": "1m", "memory": "64Mi"}},
        ),
    ],
)
def test_resources_follow_a_limit_range(item: Json, expected: Json) -> None:
    found = _resources(_limited(**item))

    assert {key: found[key] for key in expected} == expected


def test_a_limit_range_with_too_little_memory_skips_the_pod() -> None:
    assert "backups need 64Mi of memory" in _refused(_limited(max={"memory": "32Mi"}))


def test_a_cpu_limit_is_set_where_a_quota_requires_one() -> None:
    app_resources = {"limits": {"cpu": "1", "memory": "1Gi"}}

    found = _resources(_quota({"limits.cpu": "4"}), _pod(**app_resources, requests={"cpu": "1m"}))

    assert found["limits"]["cpu"] == "200m"


def test_an_exhausted_quota_skips_the_pod() -> None:
    full = _quota({"requests.memory": "1Gi"}, {"requests.memory": "1020Mi"})

    assert "quota team has not enough left of requests.memory" in _refused(full, _pod(**_SMALL))


def test_a_quota_that_requires_limits_the_app_lacks_skips_the_pod() -> None:
    """Without us the pod asks for nothing and is not counted at all."""
    around = _quota({"limits.cpu": "4"}, scopes=["NotBestEffort"])

    assert "limits.cpu" in _refused(around)


@pytest.mark.parametrize(
    ("scopes", "counted"),
    [
        (["BestEffort"], False), (["NotBestEffort"], True), (["Terminating"], False),
        (["NotTerminating"], True), (["NotTerminating", "BestEffort"], False),
    ],
)  # fmt: skip
def test_only_quotas_that_count_the_pod_refuse_it(scopes: list[str], counted: bool) -> None:
    around = _quota({"pods": "0"}, scopes=scopes)

    assert (_admitted(around).reason is Reason.QUOTA) == counted


@pytest.mark.parametrize(
    ("operator", "values", "counted"),
    [
        ("In", ["high"], True), ("In", ["low"], False), ("NotIn", ["low"], True),
        ("Exists", [], True), ("DoesNotExist", [], False),
    ],
)  # fmt: skip
def test_a_quota_selects_pods_by_priority(
    operator: str, values: list[str], counted: bool
) -> None:  # fmt: skip
    pod = _pod()
    pod["spec"]["priorityClassName"] = "high"
    selector = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    around = _quota({"pods": "0"}, scopeSelector={"matchExpressions": [selector]})

    assert (_admitted(around, pod).reason is Reason.QUOTA) == counted


def test_pod_level_resources_are_not_shared_with_the_sidecar() -> None:
    pod = _pod()
    pod["spec"]["resources"] = {"limits": {"cpu": "1", "memory": "1Gi"}}

    assert "resources" not in _admitted(NamespaceContext(), pod).additions.containers[0]


def _unknown_user() -> Json:
    pod = _pod()
    pod["spec"].pop("securityContext", None)
    for container in pod["spec"]["containers"]:
        container.pop("securityContext", None)
    return pod


def test_root_is_not_used_where_the_namespace_forbids_it() -> None:
    restricted = NamespaceContext(pod_security="restricted")

    pod = _unknown_user()
    for around, user in ((NamespaceContext(), 0), (restricted, 65532)):
        context = _admitted(around, pod).additions.containers[0]["securityContext"]
        assert context["runAsUser"] == user
        assert context["runAsNonRoot"] is (user != 0)
        assert ("add" in context["capabilities"]) is (user == 0)


def test_root_by_annotation_is_refused_there_with_a_warning() -> None:
    pod = _unknown_user()
    pod["metadata"]["annotations"]["backup.run-as"] = "root"

    admission = _admitted(NamespaceContext(pod_security="restricted"), pod)

    assert admission.additions.containers[0]["securityContext"]["runAsUser"] == 65532
    assert any("backup.run-as 'root'" in line for line in admission.warnings)


def test_pull_secrets_that_the_namespace_names_are_added_once() -> None:
    pod = _pod()
    pod["spec"]["imagePullSecrets"] = [{"name": "own"}]
    around = NamespaceContext(pull_secrets=("own", "team"))

    result = apply(pod, list(_admitted(around, pod).operations))

    assert result["spec"]["imagePullSecrets"] == [{"name": "own"}, {"name": "team"}]


def test_pods_of_a_refused_owner_are_skipped() -> None:
    admission = _admitted(NamespaceContext(refused=True))

    assert admission.reason is Reason.REFUSED_ELSEWHERE
    assert not any("/spec" in operation["path"] for operation in admission.operations)


def test_a_pod_that_a_limit_range_makes_guaranteed_stays_so() -> None:
    """The pod asks for memory as a whole, its container for a core: both are then its limits."""
    pod = _pod(requests={"cpu": "1"})
    pod["spec"]["resources"] = {"requests": {"memory": "1Gi"}}

    found = _resources(_limited(default={"cpu": "1", "memory": "512Mi"}), pod)

    assert found["requests"]["cpu"] == found["limits"]["cpu"] == "200m"
    assert (found["requests"]["memory"], found["limits"]["memory"]) == ("0", "256Mi")


def test_limits_of_all_containers_stay_within_the_pod_level_request() -> None:
    """More would raise its limit, and it would not be Guaranteed any more."""
    pod = _pod(limits={"cpu": "1", "memory": "900Mi"})
    pod["spec"]["resources"] = {"requests": {"memory": "1Gi"}}

    assert _resources(NamespaceContext(), pod)["limits"]["memory"] == "124Mi"

    for container in pod["spec"]["containers"]:
        container["resources"] = {"limits": {"cpu": "1", "memory": "1000Mi"}}
    assert "memory" in _refused(NamespaceContext(), pod)


def test_nothing_is_requested_where_the_pod_level_limit_is_its_request() -> None:
    pod = _pod(limits={"memory": "512Mi"})
    pod["spec"]["resources"] = {"limits": {"cpu": "1"}}

    assert "cpu" not in _resources(NamespaceContext(), pod)["requests"]


def test_resources_limited_only_at_pod_level_are_not_requested() -> None:
    """Its limit of memory is its request as long as no container has either of its own."""
    pod = _pod()
    pod["spec"]["resources"] = {"limits": {"memory": "1Gi"}}
    for container in pod["spec"]["containers"]:
        container["resources"] = {"limits": {"cpu": "500m"}}

    assert _resources(NamespaceContext(), pod) == {
        "limits": {"cpu": "200m"}, "requests": {"cpu": "200m"},
    }  # fmt: skip

    pod["spec"]["resources"] = {"limits": {"cpu": "1"}}
    pod["metadata"]["annotations"]["backup.cpu-limit"] = "300m"
    for container in pod["spec"]["containers"]:
        container["resources"] = {"limits": {"memory": "500Mi"}}

    found = _resources(NamespaceContext(), pod)
    assert "cpu" not in found["limits"] | found["requests"]
    assert found["requests"]["memory"] == found["limits"]["memory"]


def test_cpu_is_requested_in_full_where_pod_level_resources_are_only_memory() -> None:
    pod = _pod(limits={"cpu": "1"})
    pod["spec"]["resources"] = {"limits": {"memory": "1Gi"}}

    found = _resources(NamespaceContext(), pod)

    assert found["requests"]["cpu"] == found["limits"]["cpu"] == "200m"
