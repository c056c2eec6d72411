"""What namespaces, quotas and budgets say, read and added up."""

from decimal import Decimal
from typing import Any

import pytest

from webhook.admission.policies import namespace, pod_resources, resource_quota

ENFORCE = "pod-security.kubernetes.io/enforce"
Json = dict[str, Any]


@pytest.mark.parametrize(
    ("labels", "level"),
    [
        ({}, ""), ({ENFORCE: "baseline"}, "baseline"), ({ENFORCE: "privileged"}, "privileged"),
        ({ENFORCE: "strict"}, "restricted"), ({"pod-security.kubernetes.io/warn": "baseline"}, ""),
    ],
)  # fmt: skip
def test_an_unknown_pod_security_level_is_the_strictest(labels: Json, level: str) -> None:
    assert namespace.read({"metadata": {"labels": labels}}).level == level


@pytest.mark.parametrize(
    ("resource", "value", "text"),
    [
        ("cpu", "0.0001", "1m"), ("cpu", "0.2501", "251m"), ("cpu", "2", "2000m"),
        ("memory", "1048576", "1Mi"), ("memory", "1000000", "1000000"),
        ("memory", "1073741824", "1Gi"), ("memory", "0.5", "1"),
    ],
)  # fmt: skip
def test_a_quantity_is_rounded_up_to_whole_units(resource: str, value: str, text: str) -> None:
    assert pod_resources.text(resource, Decimal(value)) == text


def _container(request: str, **more: str) -> Json:
    return {"resources": {"requests": {"cpu": request}}, **more}


def test_a_pods_request_is_the_peak_of_containers_that_run_at_once() -> None:
    """Sidecars run beside the app, and beside each init container that comes after them."""
    sidecar = _container("2", restartPolicy="Always")
    spec = {
        "containers": [_container("1"), _container("1")],
        "initContainers": [_container("3"), sidecar, _container("7")],
        "overhead": {"cpu": "1"},
    }

    assert pod_resources.of_pod({"spec": spec}, overhead=False).requests == {"cpu": 9}
    assert pod_resources.of_pod({"spec": spec}, overhead=True).requests == {"cpu": 10}


def test_a_container_with_only_a_limit_requests_as_much() -> None:
    found = pod_resources.of_container({"resources": {"limits": {"cpu": "1"}}})

    assert found.requests == {"cpu": 1}


@pytest.mark.parametrize(("used", "refused"), [("0", False), ("2", False), ("3", True)])
def test_a_quota_may_be_reached_but_not_exceeded(used: str, *, refused: bool) -> None:
    """Its status counts, not what somebody has asked for since."""
    quota = resource_quota.read(
        {
            "metadata": {"name": "q"},
            "spec": {"hard": {"requests.cpu": "1"}},
            "status": {"hard": {"requests.cpu": "3"}, "used": {"requests.cpu": used}},
        }
    )
    pod = {"spec": {"containers": [_container("1")]}}

    assert bool(resource_quota.refusal(pod, [quota])) is refused
