"""The chart on a real API server without nodes: accepted, and a failed test leaves nothing."""

from collections.abc import Iterator

import pytest

from tests.apiserver.api import Api
from tests.cluster.node.cluster import KUBECONFIG
from tests.cluster.programs import helm as call
from tests.cluster.programs.helm import RefusedError
from tests.cluster.programs.release import CHART
from tests.cluster.work import until

NAME = "backup-tried"
_OBJECTS = ("Pod", "ServiceAccount")


@pytest.fixture
def release(api: Api) -> Iterator[str]:
    """A release of the chart, none of whose pods ever runs; its name, which is its namespace's."""
    values = ("--set=registry=localhost", "--set=fullnameOverride=backup-tried")
    call.helm(
        KUBECONFIG, "install", NAME, str(CHART), f"--namespace={NAME}", "--create-namespace",
        *values,
    )  # fmt: skip
    yield NAME
    call.helm(KUBECONFIG, "uninstall", NAME, f"--namespace={NAME}")
    api.delete("Namespace", name=NAME)


def test_the_chart_is_accepted_and_a_failed_helm_test_leaves_nothing(
    api: Api, release: str
) -> None:
    """It fails for want of a node; whatever the reason, helm takes the same way out."""
    hooks = call.helm(KUBECONFIG, "get", "hooks", release, f"--namespace={NAME}")
    policy = api.client.get(f"/apis/networking.k8s.io/v1/namespaces/{NAME}/networkpolicies/{NAME}")
    assert hooks.count("pod-security.kubernetes.io/enforce: restricted") == 1
    assert policy.raise_for_status().json()["spec"]["policyTypes"] == ["Ingress", "Egress"]

    with pytest.raises(RefusedError, match="not ready"):
        call.helm(KUBECONFIG, "test", release, f"--namespace={NAME}", "--timeout=3s")

    until(lambda: not _left(api), "all of it is gone", 60)


def _left(api: Api) -> list[str]:
    """Return what there still is of a test."""
    own = [each["metadata"]["name"] for kind in _OBJECTS for each in api.get(kind, NAME)["items"]]
    namespaces = [each["metadata"]["name"] for each in api.get("Namespace")["items"]]
    return [name for name in (*own, *namespaces) if name == f"{NAME}-test"]
