"""Fields of a pod that were made for the app, on a node: app and sidecar run, and a backup is made.

What a node with Debian's containerd cannot run (user namespaces, strict groups, gVisor, Kata, swap,
devices, profiles of AppArmor) is tested against the API server alone, see
tests/apiserver/admission/test_pod_fields.py.
"""

import pytest

from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.workloads import apps, sidecar

WRITE = "echo one > /data/file; " + apps.SERVE
_EXIT_RULES = {
    "restartPolicy": "Never",
    "restartPolicyRules": [
        {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
    ],
}  # fmt: skip

# What is put into the pod's spec, and into its container.
FIELDS: dict[str, tuple[Json, Json]] = {
    "shared processes": ({"shareProcessNamespace": True}, {}),
    "processes of the node": ({"hostPID": True}, {}),
    "own DNS": ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.1"]}}, {}),
    "groups": (
        {"securityContext": {"fsGroup": 7, "supplementalGroups": [8]}},
        {},
    ),
    "sysctls": (
        {"securityContext": {"sysctls": [
            {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]}},
        {},
    ),
    "budget of the pod": (
        {"resources": {"requests": {"cpu": "500m", "memory": "512Mi"},
                       "limits": {"cpu": "1", "memory": "512Mi"}}},
        {},
    ),
    "resize policy": (
        {}, {"resizePolicy": [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]},
    ),
    "rules of restarts": ({}, _EXIT_RULES),
    "a restricted user": (
        {"securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000,
                             "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}},
        {"securityContext": {"allowPrivilegeEscalation": False,
                             "capabilities": {"drop": ["ALL"]}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "own"), FIELDS.values(), ids=FIELDS)
def test_a_pod_with_a_field_for_the_app_runs_and_is_backed_up(
    protected: Kubectl, cluster: Target, spec: Json, own: Json
) -> None:
    app = {**apps.container(cluster.app_image, WRITE), **own}
    template = apps.template([app], [apps.claimed()])
    template["spec"] |= spec
    protected.apply(apps.claim(), apps.pod("app", template))
    protected.wait("pod/app", "condition=Ready")

    pod = protected.get("pod", "app")
    assert sidecar.injected(pod), sidecar.reason(pod)
    last = sidecar.run_now(protected, "app")
    assert (last["status"], last["read_errors"]) == ("success", 0), last
    assert sidecar.restarts(protected, "app") == 0
