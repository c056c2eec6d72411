"""Whatever is wrong with a sidecar or a node, the app starts, is Ready and terminates in time."""

import json

import pytest

from tests.cluster.commands.backup_command import backup
from tests.cluster.conftest import Target
from tests.cluster.disruption.starting import ends_in_time, started
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.programs.release import PREPULL, Release
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar

SOON = {"BACKUP_OPEN_TIMEOUT_SECONDS": "5"}  # in place of two minutes


def test_no_secret(namespace: Kubectl, release: Release, cluster: Target) -> None:
    """The sidecar says what is missing, and begins when it is there."""
    del release
    apps.opted_in(namespace)
    assert sidecar.injected(started(namespace, cluster.app_image))

    assert "RESTIC_REPOSITORY" in sidecar.status(namespace, "app")["missing"]
    assert sidecar.restarts(namespace, "app") == 0
    ends_in_time(namespace)


@pytest.mark.parametrize(
    ("values", "failure"),
    [
        ({"RESTIC_PASSWORD": "wrong"}, "auth"),
        # A port that nobody listens on, and one that never answers.
        ({"RESTIC_REPOSITORY": "rest:http://127.0.0.1:9/", **SOON}, "network"),
        ({"RESTIC_REPOSITORY": "rest:http://192.0.2.1/"}, None),
    ],
)
def test_secret_that_leads_nowhere(
    protected: Kubectl, cluster: Target, values: dict[str, str], failure: str | None
) -> None:
    pod = started(protected, cluster.app_image)
    assert sidecar.injected(pod)
    if failure == "auth":
        assert sidecar.run_now(protected, "app")["status"] == "success"
    changed = json.dumps({"stringData": values})
    protected("patch", "secret", apps.SECRET, "--patch", changed)
    ends_in_time(protected)

    started(protected, cluster.app_image, "second")

    if failure:
        last = sidecar.run_now(protected, "second")
        assert (last["status"], last["failure"]) == ("failure", failure), last
    else:
        sidecar.await_first_look(protected, "second")
        assert backup(protected, "now", "pod/second").code == 0
        until(lambda: bool(sidecar.status(protected, "second")["running_since"]), "it tries", 300)
    assert sidecar.restarts(protected, "second") == 0
    ends_in_time(protected, "second")


@pytest.mark.parametrize(
    "death",
    [
        "kill -TERM 1; sleep 60",
        "python3 -c 'held = b\"x\" * (400 << 20)'",  # over the memory limit
    ],
)
def test_sidecar_that_dies(protected: Kubectl, cluster: Target, death: str) -> None:
    """The app's container is neither restarted nor Ready later, and the sidecar comes back."""
    started(protected, cluster.app_image)
    killed = ["--", "sh", "-c", f"{death}; echo killed alone"]
    said = protected("exec", "app", "--container=backup", *killed, check=False)
    # With cgroups of version 1, the kernel kills nothing but the process that wants too much.
    if "killed alone" not in said:
        until(lambda: sidecar.runs_again(protected, "app"), "the sidecar has come back", 240)

    assert sidecar.run_now(protected, "app")["status"] == "success"
    protected.wait("pod/app", "condition=Ready")
    (state,) = protected.get("pod", "app")["status"]["containerStatuses"]
    assert (state["restartCount"], state["ready"]) == (0, True)
    ends_in_time(protected)


def test_pre_pull_pods_that_roll_out_change_nothing(
    protected: Kubectl, release: Release, cluster: Target
) -> None:
    release.kubectl("rollout", "restart", f"daemonset/{PREPULL}")
    pod = started(protected, cluster.app_image)

    assert sidecar.injected(pod)
    release.kubectl.rollout(f"daemonset/{PREPULL}")


def test_node_that_is_down_changes_nothing(
    protected: Kubectl, release: Release, cluster: Target
) -> None:
    """Its pre-pull pod is pending for ever; a node with Windows, which is down too, gets none."""
    cluster.kubectl.apply(_node("gone", "linux"), _node("gone-windows", "windows"))
    try:

        def waits_there() -> bool:
            pods = release.prepull_pods()
            return any(p["spec"].get("nodeName") == "gone" for p in pods)

        until(waits_there, "the DaemonSet has a pod for that node", 240)
        wanted = release.kubectl.get("daemonset", PREPULL)["status"]["desiredNumberScheduled"]
        assert wanted == len(cluster.kubectl.items("nodes")) - 1
        assert sidecar.injected(started(protected, cluster.app_image))
    finally:
        cluster.kubectl("delete", "node", "gone", "gone-windows")


def _node(name: str, system: str) -> Json:
    """Return a node that no kubelet is behind, and that nothing but DaemonSets puts up with."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": system},
        },
        "spec": {"taints": [{"key": "tests/gone", "effect": "NoSchedule"}]},
        "status": {"allocatable": {"cpu": "4", "memory": "4Gi", "pods": "10"}},
    }
