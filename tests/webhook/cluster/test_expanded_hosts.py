"""A host is expanded as the kubelet does it, where the pod says all that is needed."""

from typing import Any

import pytest

from contract import names
from webhook.cluster import sidecar_hosts


def _pod(host: str, phase: str = "Running", **spec: Any) -> dict[str, Any]:  # noqa: ANN401 -- any JSON
    env = [{"name": names.ENV_HOST, "value": host}]
    init = [{"name": names.CONTAINER, "env": env}]
    return {
        "metadata": {"name": "wiki-0"},
        "spec": {"initContainers": init, **spec},
        "status": {"phase": phase},
    }


@pytest.mark.parametrize(
    ("pod", "host"),
    [
        (_pod("wiki"), "wiki"),
        (_pod("a$$b"), "a$b"),
        (_pod("$(BACKUP_POD)"), "wiki-0"),
        (_pod("db-$(BACKUP_NODE)", nodeName="one"), "db-one"),
        (_pod("db-$(BACKUP_NODE)"), ""),
        (_pod("wiki", phase="Succeeded"), ""),
        (_pod("wiki", phase="Failed"), ""),
    ],
    ids=str,
)
def test_variables_in_the_host_of_a_running_pod_are_expanded(
    pod: dict[str, Any], host: str
) -> None:
    assert sidecar_hosts.host(pod) == host
