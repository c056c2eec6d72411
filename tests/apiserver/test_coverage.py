"""Coverage on a real API server: hundreds of pods in every state, and the policy at apply time."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.accounts import account
from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.served import IMAGE, Served, serving
from tests.chart import rendering
from tests.cluster.node.cluster import KUBECONFIG
from tests.cluster.work import until

ENABLED = {"backup.enabled": "true"}
_EACH = 120  # pods of a kind: with the others more than two pages


def pod(name: str, annotations: Json | None = None, claim: str = "data", **spec: object) -> Json:
    """Return a pod that mounts a claim."""
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {
            "containers": [{"name": "app", "image": "app",
                            "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
            **spec,
        },
    }  # fmt: skip


def claim(name: str) -> Json:
    """Return a claim that nothing will ever provide."""
    return {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "none",
                 "resources": {"requests": {"storage": "1Gi"}}},
    }  # fmt: skip


@pytest.fixture(scope="module")
def counting(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The webhook, looking every second."""
    folder = tmp_path_factory.mktemp("webhook")
    with serving(api, KUBECONFIG, folder, "--coverage-seconds", "1") as running:
        yield running


@pytest.fixture(scope="module")
def crowd(api: Api, counting: Served, namespaces: Namespaces) -> dict[str, str]:
    """Two namespaces with hundreds of pods in every state, by a word for each."""
    del counting
    inside = namespaces(claim("data"), claim("old"))
    for number in range(_EACH):
        api.make(pod(f"missed-{number}", ENABLED), inside)
        api.make(pod(f"plain-{number}"), inside)
    api.make(pod("out", {"backup.enabled": "false"}), inside)
    api.make(pod("odd", {"backup.enabled": "ja"}), inside)
    outside = namespaces(claim("idle"))
    for number in range(5):
        api.make(pod(f"asks-{number}", ENABLED), outside)
        api.make(pod(f"plain-{number}"), outside)
    change = {"metadata": {"labels": ENABLED}}
    patch = {"Content-Type": "application/merge-patch+json"}
    found = api.client.patch(api.path("Namespace", name=inside), json=change, headers=patch)
    found.raise_for_status()
    until(lambda: _is_injected(api, inside), "the label counts", 60)
    for number in range(_EACH):
        api.make(pod(f"safe-{number}", ENABLED), inside)
    old = json.dumps({"injected": True, "reason": "injected", "version": "0.0.1"})
    change = {"metadata": {"annotations": {"backup.status": old}}}
    path = api.path("Pod", inside, "safe-0")
    api.client.patch(path, json=change, headers=patch).raise_for_status()
    return {"inside": inside, "outside": outside}


def _is_injected(api: Api, namespace: str) -> bool:
    made: Json = api.create(pod("probe", ENABLED), namespace, dry_run=True).json()
    return "backup" in [each["name"] for each in made["spec"].get("initContainers", ())]


EXPECTED = {
    "missed": _EACH, "not_annotated": _EACH, "protected": _EACH - 1, "outdated": 1,
    "opted_out": 1, "invalid_value": 1,
}  # fmt: skip


def shown(served: Served, name: str, namespace: str) -> dict[str, int]:
    """Return the values of a metric in a namespace by reason."""
    pattern = rf'(?m)^backup_webhook_{name}{{namespace="{namespace}"(?:,reason="(.*)")?}} (.*)$'
    return {reason: int(float(value)) for reason, value in re.findall(pattern, served.metrics())}


def coverage(*arguments: str, kubeconfig: Path = KUBECONFIG) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    program = Path(sys.executable).with_name("backup-webhook")
    return subprocess.run(
        [program, "coverage", "--image", IMAGE, *arguments],
        capture_output=True, text=True, check=False,
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
    )  # fmt: skip


def test_metrics_count_every_state_by_namespace(counting: Served, crowd: dict[str, str]) -> None:
    until(lambda: shown(counting, "pods", crowd["inside"]) == EXPECTED, "all are counted", 120)

    assert shown(counting, "pods", crowd["outside"]) == {"not_opted_in": 5}
    assert shown(counting, "unused_claims", crowd["inside"]) == {"": 1}
    assert shown(counting, "unused_claims", crowd["outside"]) == {}


def test_command_lists_workloads_and_claims(crowd: dict[str, str]) -> None:
    ran = coverage("--namespace", crowd["inside"], "--output", "json")

    assert (ran.returncode, ran.stderr) == (1, "")
    found: dict[str, Any] = json.loads(ran.stdout)
    assert {each["reason"]: each["pods"] for each in found["counts"]} == EXPECTED
    listed = {each["workload"]: each["reason"] for each in found["findings"]}
    assert len(listed) == 2 * _EACH + 2, "every pod is a workload of its own"
    assert (listed["missed-7"], listed["plain-7"]) == ("missed", "not_annotated")
    assert (listed["safe-0"], listed["odd"]) == ("outdated", "invalid_value")
    assert found["unused_claims"] == [{"namespace": crowd["inside"], "claim": "old"}]

    text = coverage()
    assert text.returncode == 1
    assert re.search(rf"(?m)^{crowd['outside']} +pod/asks-0 ", text.stdout)


def test_series_of_a_deleted_namespace_disappear(
    api: Api, counting: Served, namespaces: Namespaces
) -> None:
    gone = namespaces()
    api.make(pod("asks", ENABLED), gone)
    until(lambda: shown(counting, "pods", gone) == {"not_opted_in": 1}, "it is counted", 120)

    api.delete("Pod", gone, "asks")
    api.delete("Namespace", name=gone)

    until(lambda: f'namespace="{gone}",reason="not' not in counting.metrics(), "it is gone", 120)


def test_the_charts_rights_are_sufficient_and_all_needed(
    api: Api, crowd: dict[str, str], tmp_path: Path
) -> None:
    own = {"certificates.mode=existing", "certificates.existing.secretName=x", "follow=false"}
    (role,) = rendering.of_kind("ClusterRole", *sorted(own))
    kubeconfig, made = account(api, crowd["outside"], role, tmp_path)

    assert coverage("-n", crowd["inside"], kubeconfig=kubeconfig).returncode == 1
    role["rules"][0]["resources"].remove("persistentvolumeclaims")
    api.client.put(made, json=role).raise_for_status()

    def forbidden() -> bool:
        ran = coverage("-n", crowd["inside"], kubeconfig=kubeconfig)
        said = "backup-webhook: cannot list persistentvolumeclaims: HTTP 403 Forbidden\n"
        return (ran.returncode, ran.stdout, ran.stderr) == (2, "", said)

    until(forbidden, "the right is gone", 60)
