"""The Deployment `wiki`, on which `kubectl backup` is tried."""

from tests.cluster.programs.kubectl import Kubectl
from tests.cluster.work import until
from tests.cluster.workloads import apps

ODD = "mit Leerzeichen/ünï cödé 漢字.txt"
FILL = (
    "test -e /data/file || { mkdir -p '/data/mit Leerzeichen' /data/keep; echo one > /data/file; "
    f"echo zwei > '/data/{ODD}'; echo three > /data/keep/it; chown -R 1234:4321 /data/keep; "
    "chmod 640 /data/keep/it; }; " + apps.SERVE
)


def wiki(kubectl: Kubectl, image: str, **annotations: str) -> str:
    """Start the Deployment `wiki`, which fills its volume once; return its pod's name."""
    asked = {**apps.ENABLED, "backup.schedule": apps.NEVER, **annotations}
    template = apps.template([apps.container(image, FILL)], [apps.claimed()], asked)
    kubectl.apply(apps.claim(), apps.workload("Deployment", "wiki", template))
    kubectl.rollout("deployment/wiki")
    return name(kubectl)


def name(kubectl: Kubectl) -> str:
    """Return the name of the pod of `wiki`."""
    (pod,) = kubectl.items("pods", "--selector=app=app")
    return str(pod["metadata"]["name"])


def listing(kubectl: Kubectl) -> str:
    """Return every file of the volume with owner, mode and content."""
    script = "cd /data && find . -type f -printf '%m %U:%G %p ' -exec cat {} ';' | sort"
    return kubectl.exec(name(kubectl), "sh", "-c", script, container="app")


def spoil(kubectl: Kubectl) -> None:
    """Change, remove and add files."""
    script = f"cd /data; echo changed > file; rm '{ODD}'; chmod 600 keep/it; echo new > keep/new"
    kubectl.exec(name(kubectl), "sh", "-c", script, container="app")


def is_as_before(kubectl: Kubectl) -> None:
    """Fail unless `wiki` has its pod, and nothing of the restore is left."""
    kubectl.rollout("deployment/wiki")
    workload = kubectl.get("deployment", "wiki")
    assert workload["spec"]["replicas"] == 1
    assert "kubectl-backup/replicas" not in workload["metadata"]["annotations"]
    ours = "--selector=app.kubernetes.io/managed-by=kubectl-backup"
    assert kubectl.items("pods", ours) == []
    until(lambda: len(kubectl.items("pods", "--selector=app=app")) == 1, "one pod is left", 240)
