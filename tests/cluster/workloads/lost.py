"""The Deployment `wiki`, whose volume is lost, and what its restore says."""

from collections.abc import Mapping

from contract import names
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.workloads import apps, sidecar

IF_EMPTY = {**apps.ENABLED, "backup.restore": "if-empty"}
REQUIRED = {**apps.ENABLED, "backup.restore": "required"}
BLOCKED_FOR_LONG = {"progressDeadlineSeconds": 3600}  # a rollout gives up after 600 else


def small(image: str, annotations: Mapping[str, str], script: str = apps.SERVE) -> list[Json]:
    """Return a Deployment `wiki` with one volume."""
    template = apps.template([apps.container(image, script)], [apps.claimed()], annotations)
    return [apps.claim(), apps.workload("Deployment", "wiki", template, **BLOCKED_FOR_LONG)]


def backed_up(kubectl: Kubectl, image: str) -> None:
    """Leave a snapshot of Deployment `wiki`, and nothing else of it."""
    script = "mkdir -p /data/pages; echo one > /data/pages/index; " + apps.SERVE
    kubectl.apply(*small(image, apps.ENABLED, script))
    kubectl.rollout("deployment/wiki")
    last = sidecar.run_now(kubectl, pod_of(kubectl)["metadata"]["name"])
    assert last["status"] == "success", last
    lose(kubectl)


def lose(kubectl: Kubectl) -> None:
    # Its pods first: else another takes the place of one that is deleted here.
    kubectl("delete", "deployment", "wiki", "--cascade=foreground")
    kubectl("delete", "pod", "--all", "--grace-period=1")
    kubectl("delete", "persistentvolumeclaim", "--all")


def pod_of(kubectl: Kubectl) -> Json:
    (pod,) = [
        pod
        for pod in kubectl.items("pods", "--selector=app=app")
        if "deletionTimestamp" not in pod["metadata"]
    ]
    return pod


def said_of(kubectl: Kubectl) -> str:
    """Return why the restore ended last, as `kubectl describe` shows it; "" while it has not."""
    for pod in kubectl.items("pods", "--selector=app=app"):
        for each in pod["status"].get("initContainerStatuses", ()):
            if each["name"] == names.RESTORE_CONTAINER:
                ends = (each["state"].get("terminated"), each["lastState"].get("terminated"))
                return next((end.get("message", "") for end in ends if end), "")
    return ""


def starts_not(kubectl: Kubectl) -> None:
    """Fail where the app has been started."""
    for pod in kubectl.items("pods", "--selector=app=app"):
        for each in pod["status"].get("containerStatuses", ()):
            assert "running" not in each["state"], "the app has started"


def listing(kubectl: Kubectl) -> str:
    return kubectl.exec("deployment/wiki", "sh", "-c", "cd /data && find . -type f | sort",
                        container="app")  # fmt: skip
