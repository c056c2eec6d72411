"""Whose sidecars are at work, as the webhook counts them and as their runners call themselves."""

from collections import Counter
from typing import Any

import pytest
from prometheus_client import generate_latest

from contract import names
from demo import app
from runner.config import build
from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import OPTIONS
from webhook.admission.admit import admit
from webhook.cluster import sidecar_hosts
from webhook.server.metrics import Metrics

Json = dict[str, Any]


def _admitted(kind: str, name: str, given: str = "") -> Json:
    """Return a pod with its sidecar, as it is in the cluster."""
    pod = app.pod()
    meta = pod["metadata"]
    meta["ownerReferences"] = [
        {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "1", "controller": True}
    ]
    if given:
        meta["annotations"]["backup.name"] = given
    admission = admit(pod, "prod", OPTIONS)
    assert admission.reason == "injected"
    found: Json = apply(pod, list(admission.operations))
    found["metadata"] |= {"namespace": "prod", "name": f"{name}-2"}
    found["metadata"]["labels"]["apps.kubernetes.io/pod-index"] = "2"
    found["spec"]["nodeName"] = "node-1"
    found["status"] = {"phase": "Running"}
    return found


@pytest.mark.parametrize("given", ["", "books"])
@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Cluster"])
def test_host_is_the_one_that_the_runner_uses(kind: str, given: str) -> None:
    pod = _admitted(kind, "wiki", given)
    ours = next(c for c in pod["spec"]["initContainers"] if c["name"] == names.CONTAINER)
    known = {"BACKUP_POD": "wiki-2", "BACKUP_POD_INDEX": "2", "BACKUP_NODE": "node-1"}
    environment = {each["name"]: each.get("value", "") for each in ours["env"]} | known
    for name, value in known.items():
        host = environment[names.ENV_HOST]
        environment[names.ENV_HOST] = host.replace(f"$({name})", value)

    assert sidecar_hosts.host(pod) == build.config(environment, {}, {}).identity.host


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_completed_job_has_no_host(phase: str) -> None:
    pod = _admitted("Job", "import")
    assert sidecar_hosts.host(pod) == "import"

    pod["status"]["phase"] = phase
    assert sidecar_hosts.host(pod) == ""


def test_daemonset_pod_has_no_host_before_it_is_scheduled() -> None:
    pod = _admitted("DaemonSet", "logs")
    del pod["spec"]["nodeName"]

    assert sidecar_hosts.host(pod) == ""


@pytest.mark.parametrize("pod", [{}, {"spec": None, "metadata": None, "status": None}, app.pod()])
def test_pod_without_our_container_has_no_host(pod: Json) -> None:
    assert sidecar_hosts.host(pod) == ""


def test_gauge_drops_deleted_pods() -> None:
    metrics, found = Metrics(), Counter({("prod", "wiki"): 2, ("dev", 'a"b'): 1})
    metrics.sidecars(lambda: found)

    assert _shown(metrics) == {
        'backup_webhook_sidecars{host="wiki",namespace="prod"} 2.0',
        'backup_webhook_sidecars{host="a\\"b",namespace="dev"} 1.0',
    }
    del found["prod", "wiki"]
    assert _shown(metrics) == {'backup_webhook_sidecars{host="a\\"b",namespace="dev"} 1.0'}


def _shown(metrics: Metrics) -> set[str]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    return {line for line in lines if line.startswith("backup_webhook_sidecars{")}
