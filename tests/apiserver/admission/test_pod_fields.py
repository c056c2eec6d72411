"""Fields of a pod that were made for the app: what the API server accepts then, and gives to us.

The table of docs/how-it-works.md, at each Pod Security level. Each pod is created without the
webhook first: what is refused then, is not our doing.
"""

from typing import Any

import pytest

from tests.apiserver.admission.test_oracle import only_grows
from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.served import Served

LEVELS = ("privileged", "baseline", "restricted")
LOCALHOST = {"type": "Localhost", "localhostProfile": "app-only"}
DEFAULT = {"type": "RuntimeDefault"}

_APP: Json = {
    "name": "app",
    "image": "app",
    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    "securityContext": {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True,
        "runAsUser": 1000, "seccompProfile": DEFAULT,
    },
}  # fmt: skip

# What is put into the spec, and what of the sidecar's securityContext it leads to.
FIELDS: dict[str, tuple[Json, Json]] = {
    "nothing": ({}, {"appArmorProfile": None, "seccompProfile": DEFAULT, "runAsUser": 1000}),
    "apparmor": (
        {"securityContext": {"appArmorProfile": LOCALHOST}}, {"appArmorProfile": DEFAULT},
    ),
    "apparmor of the runtime": (
        {"securityContext": {"appArmorProfile": DEFAULT}}, {"appArmorProfile": None},
    ),
    "seccomp": ({"securityContext": {"seccompProfile": LOCALHOST}}, {"seccompProfile": DEFAULT}),
    "selinux": (
        {"securityContext": {"seLinuxOptions": {"level": "s0:c1"}}}, {"seLinuxOptions": None},
    ),
    "groups": (
        {"securityContext": {"fsGroup": 7, "supplementalGroups": [8],
                             "supplementalGroupsPolicy": "Strict"}},
        {"runAsGroup": None},
    ),
    "user namespace": ({"hostUsers": False}, {"runAsUser": 1000}),
    "shared processes": ({"shareProcessNamespace": True}, {}),
    "sysctls": (
        {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}}, {},
    ),
    "own DNS": ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.1"]}}, {}),
    "budget": (
        {"resources": {"requests": {"cpu": "2", "memory": "1Gi"},
                       "limits": {"cpu": "2", "memory": "1Gi"}}},
        {},
    ),
    "resize policy": (
        {"containers": [{**_APP, "resizePolicy": [
            {"resourceName": "memory", "restartPolicy": "RestartContainer"}]}]},
        {},
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=LEVELS)
def spaces(
    request: pytest.FixtureRequest, webhook: Served, namespaces: Namespaces
) -> tuple[str, str]:
    """Two namespaces of one Pod Security level: without and with the webhook."""
    del webhook
    labels = {"pod-security.kubernetes.io/enforce": request.param}
    return namespaces(labels=labels), namespaces(labels={**labels, "backup.enabled": "true"})


def _pod(fields: Json) -> Json:
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "app", "annotations": {"backup.enabled": "true"}},
        "spec": {"containers": [_APP], "volumes": [claim], **fields},
    }


def _sidecar(pod: Json) -> Json:
    (found,) = [each for each in pod["spec"]["initContainers"] if each["name"] == "backup"]
    context: Json = found["securityContext"]
    return context


@pytest.mark.parametrize(("fields", "ours"), FIELDS.values(), ids=FIELDS)
def test_a_field_for_the_app_does_not_get_a_pod_refused_and_is_not_copied(
    api: Api, spaces: tuple[str, str], fields: Json, ours: Json
) -> None:
    without, within = spaces
    bare = api.create(_pod(fields), without, dry_run=True)
    if not bare.is_success:
        assert "violates PodSecurity" in bare.text, bare.text
        assert not api.create(_pod(fields), within, dry_run=True).is_success
        return

    injected = api.create(_pod(fields), within, dry_run=True)

    assert injected.is_success, injected.text
    made: Any = injected.json()
    only_grows(_stated(fields), made["spec"])
    context = _sidecar(made)
    assert {key: context.get(key) for key in ours} == ours


def _stated(fields: Json) -> Json:
    return {key: value for key, value in fields.items() if key != "containers"}


def test_any_windows_pod_is_admitted_unchanged(api: Api, spaces: tuple[str, str]) -> None:
    _, within = spaces
    term = {"matchExpressions": [
        {"key": "beta.kubernetes.io/os", "operator": "In", "values": ["windows"]}]}  # fmt: skip
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}

    answer = api.create(_pod({"affinity": {"nodeAffinity": required}}), within, dry_run=True)

    assert answer.is_success, answer.text
    assert "initContainers" not in answer.json()["spec"]
    assert '"reason":"windows"' in answer.json()["metadata"]["annotations"]["backup.status"]
