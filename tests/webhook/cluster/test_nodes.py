"""One bad node of many, seen by the pods that run there; nobody reads nodes."""

import pytest

from contract.names import Reason
from demo import app
from tests.webhook.admitting import OPTIONS, Json
from webhook.admission.admit import admit
from webhook.admission.pod_spec import Owner
from webhook.cluster.view import Cluster

ARCH = "kubernetes.io/arch"


@pytest.fixture
def cluster() -> Cluster:
    """A view in which the pre-pull pod of the node `arm` cannot run, and that of `amd` does."""
    seen = Cluster("backup", "prepull", OPTIONS, follow=True)
    bad = {"waiting": {"reason": "ImagePullBackOff"}}
    _tell(seen, "prepull", _prepull("arm", bad), _prepull("amd", {"running": {}}))
    return seen


def _tell(cluster: Cluster, watch: str, *objects: Json) -> None:
    (found,) = (each for each in cluster.watches if each.name == watch)
    found._listener.replace(iter(objects))


def _prepull(node: str, state: Json) -> Json:
    owners = [{"kind": "DaemonSet", "name": "prepull"}]
    return {
        "metadata": {"name": f"prepull-{node}", "namespace": "backup", "ownerReferences": owners},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "sidecar", "image": OPTIONS.image}],
            "nodeSelector": {"pool": "all"},
        },
        "status": {"containerStatuses": [{"name": "sidecar", "state": state}]},
    }


def _running(name: str, node: str | None, arch: str, phase: str = "Running") -> Json:
    """Return a pod with a sidecar, maybe on a node."""
    bound = {"nodeName": node} if node else {}
    spec = {"nodeSelector": {ARCH: arch}, "containers": [], **bound}
    metadata = {"name": name, "namespace": "prod", "labels": {"backup.injected": "true"}}
    status = {"phase": phase}
    return {
        "metadata": metadata,
        "status": status,
        "spec": {**spec, **({"nodeName": node} if node else {})},
    }


def _is_injected(cluster: Cluster, **selector: str) -> bool:
    pod = app.pod()
    names = {key: key.replace("__", "/").replace("_", ".") for key in selector}
    pod["spec"]["nodeSelector"] = {names[key]: each for key, each in selector.items()}
    context = cluster.namespace_context("prod", Owner("prod", "apps/ReplicaSet", "1"))
    return admit(pod, "prod", OPTIONS, context).reason is Reason.INJECTED


def test_a_pod_for_another_node_is_injected(cluster: Cluster) -> None:
    assert _is_injected(cluster, kubernetes_io__hostname="amd")
    assert not _is_injected(cluster, kubernetes_io__hostname="arm")
    assert not _is_injected(cluster)


def test_the_pre_pull_pods_own_selector_tells_of_the_node(cluster: Cluster) -> None:
    assert _is_injected(cluster, pool="some")
    assert not _is_injected(cluster, pool="all")


RUNNING: dict[str, tuple[list[Json], bool]] = {
    "nothing": ([], False),
    "a pod that needs its architecture": ([_running("a", "arm", arch="arm64")], True),
    "a pod on another node": ([_running("a", "amd", arch="arm64")], False),
    "a pod that no kubelet has accepted": (
        [_running("a", "arm", arch="arm64", phase="Pending")], False),
    "a pod that the kubelet has refused": (
        [_running("a", "arm", arch="arm64", phase="Failed")], False),
    "a pod without a node": ([_running("a", None, arch="arm64")], False),
    "pods that contradict each other": (
        [_running("a", "arm", arch="arm64"), _running("b", "arm", arch="amd64")], False),
    "pods that agree": (
        [_running("a", "arm", arch="arm64"), _running("b", "arm", arch="arm64")], True),
}  # fmt: skip


@pytest.mark.parametrize(("running", "injected"), RUNNING.values(), ids=RUNNING)
def test_labels_of_a_node_are_those_that_its_pods_require(
    cluster: Cluster, running: list[Json], *, injected: bool
) -> None:
    _tell(cluster, "sidecars", *running)

    assert _is_injected(cluster, kubernetes_io__arch="amd64") is injected


def test_without_a_bad_node_all_pods_are_injected(cluster: Cluster) -> None:
    _tell(cluster, "prepull", _prepull("arm", {"running": {}}), _prepull("amd", {"running": {}}))

    assert _is_injected(cluster)


def test_the_warning_names_the_node(cluster: Cluster) -> None:
    context = cluster.namespace_context("prod", Owner("prod", "apps/ReplicaSet", "1"))

    said = admit(app.pod(), "prod", OPTIONS, context).warnings[-1]

    assert "ImagePullBackOff on node arm" in said
