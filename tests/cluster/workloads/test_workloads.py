"""Every kind of workload on a real node: injected, backed up under its own name, undisturbed."""

import json

import pytest

from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.workloads import apps, sidecar

WRITE = "echo one > /data/file; " + apps.SERVE


def _host_and_tags(snapshot: Json) -> tuple[str, set[str]]:
    return snapshot["hostname"], set(snapshot["tags"])


def _pods(kubectl: Kubectl) -> list[Json]:
    return kubectl.items("pods", "--selector=app=app")


def _run(kubectl: Kubectl, pod: Json) -> Json:
    assert sidecar.injected(pod), sidecar.reason(pod)
    last = sidecar.run_now(kubectl, pod["metadata"]["name"])
    assert (last["status"], last["read_errors"]) == ("success", 0), last
    return last


def _newest(kubectl: Kubectl, pod: str) -> Json:
    """Return the last snapshot; there is one more where the schedule had come before."""
    return sidecar.snapshots(kubectl, pod)[-1]


def test_deployment_is_backed_up_under_its_name(protected: Kubectl, cluster: Target) -> None:
    template = apps.template([apps.container(cluster.app_image, WRITE)], [apps.claimed()])
    protected.apply(apps.claim(), apps.workload("Deployment", "wiki", template))
    protected.rollout("deployment/wiki")

    (pod,) = _pods(protected)
    _run(protected, pod)

    snapshot = _newest(protected, pod["metadata"]["name"])
    ns = f"ns={protected.namespace}"
    assert _host_and_tags(snapshot) == ("wiki", {ns, "kind=Deployment", "workload=wiki"})
    assert snapshot["paths"] == ["/backup/data"]


def test_replicas_of_a_stateful_set_are_backed_up_separately(
    protected: Kubectl, cluster: Target
) -> None:
    template = apps.template([apps.container(cluster.app_image, WRITE)], [])
    spec = {"serviceName": "db", "replicas": 2, "podManagementPolicy": "Parallel",
            "volumeClaimTemplates": [apps.claim()]}  # fmt: skip
    protected.apply(apps.workload("StatefulSet", "db", template, **spec))
    protected.rollout("statefulset/db")

    for pod in _pods(protected):
        _run(protected, pod)

    hosts = {each["hostname"] for each in sidecar.snapshots(protected, "db-0")}
    assert hosts == {"db-0", "db-1"}


def test_named_host_path_of_a_daemon_set_is_backed_up(protected: Kubectl, cluster: Target) -> None:
    """Only because it is named; the other one stays out."""
    folder = f"/tmp/{protected.namespace}"  # noqa: S108 -- on the node
    volumes = [
        {"name": name, "hostPath": {"path": f"{folder}/{name}", "type": "DirectoryOrCreate"}}
        for name in ("data", "other")
    ]
    template = apps.template(
        [apps.container(cluster.app_image, WRITE + f"; rm -r {folder}")], volumes,
        {**apps.ENABLED, "backup.volumes": "data"},
    )  # fmt: skip
    protected.apply(apps.workload("DaemonSet", "agent", template))
    protected.rollout("daemonset/agent")

    (pod,) = _pods(protected)
    _run(protected, pod)

    snapshot = _newest(protected, pod["metadata"]["name"])
    node = pod["spec"]["nodeName"]
    assert snapshot["hostname"] == f"agent-{node}"
    assert snapshot["paths"] == ["/backup/data"]


def test_cron_job_completes_and_is_neither_failed_nor_delayed(
    protected: Kubectl, cluster: Target
) -> None:
    template = apps.template(
        [apps.container(cluster.app_image, "echo done > /data/file")], [apps.claimed()],
        restartPolicy="Never",
    )  # fmt: skip
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "report"},
        "spec": {
            "schedule": "0 0 1 1 *",
            "suspend": True,  # on that day, too
            "jobTemplate": {"spec": {"backoffLimit": 0, "template": template}},
        },
    }
    protected.apply(apps.claim(), cron)

    protected("create", "job", "report-1", "--from=cronjob/report")
    protected.wait("job/report-1", "condition=Complete")

    (pod,) = _pods(protected)
    assert sidecar.injected(pod)
    assert pod["status"]["phase"] == "Succeeded"
    app = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    ours = pod["status"]["initContainerStatuses"][-1]["state"]["terminated"]
    assert (app["exitCode"], ours["exitCode"]) == (0, 0)


def test_bare_pod_is_backed_up_under_its_own_name(protected: Kubectl, cluster: Target) -> None:
    template = apps.template([apps.container(cluster.app_image, WRITE)], [apps.claimed()])
    protected.apply(apps.claim(), apps.pod("lonely", template))
    protected.wait("pod/lonely", "condition=Ready")

    _run(protected, protected.get("pod", "lonely"))

    snapshot = _newest(protected, "lonely")
    ns = f"ns={protected.namespace}"
    assert _host_and_tags(snapshot) == ("lonely", {ns, "kind=Pod", "workload=lonely"})


def test_guaranteed_pod_stays_guaranteed(protected: Kubectl, cluster: Target) -> None:
    same = {"cpu": "50m", "memory": "32Mi"}
    container = apps.container(
        cluster.app_image, WRITE, resources={"requests": same, "limits": same}
    )
    template = apps.template([container], [apps.claimed()])
    protected.apply(apps.claim(), apps.pod("exact", template))
    protected.wait("pod/exact", "condition=Ready")

    pod = protected.get("pod", "exact")
    assert pod["status"]["qosClass"] == "Guaranteed"
    _run(protected, pod)


def test_restricted_namespace_admits_the_sidecar(protected: Kubectl, cluster: Target) -> None:
    level = {"pod-security.kubernetes.io/enforce": "restricted"}
    apps.opted_in(protected, **level)
    container = apps.container(cluster.app_image, WRITE, securityContext=apps.RESTRICTED)
    user = {"runAsUser": 4321, "fsGroup": 4321}
    template = apps.template([container], [apps.claimed()], securityContext=user)
    protected.apply(apps.claim(), apps.pod("strict", template))
    protected.wait("pod/strict", "condition=Ready")

    _run(protected, protected.get("pod", "strict"))


@pytest.mark.parametrize("mode", ["0600", "0000"])
def test_files_of_the_apps_own_user_are_read(
    protected: Kubectl, cluster: Target, mode: str
) -> None:
    """The sidecar runs as the app's user; what even the owner may not read is named."""
    script = f"umask 077; echo secret > /data/file; chmod {mode} /data/file; {apps.SERVE}"
    user = {"runAsUser": 1234, "runAsGroup": 1234, "fsGroup": 1234}
    template = apps.template(
        [apps.container(cluster.app_image, script)], [apps.claimed()], securityContext=user
    )
    protected.apply(apps.claim(), apps.pod("own", template))
    protected.wait("pod/own", "condition=Ready")

    pod = protected.get("pod", "own")
    assert sidecar.injected(pod)
    last = sidecar.run_now(protected, "own")

    if mode == "0600":
        assert (last["status"], last["unreadable"]) == ("success", [])
    else:
        assert (last["status"], last["failure"]) != ("success", None)
        assert "/backup/data/file" in " ".join([*last["unreadable"], last["message"]])


def test_sidecar_has_no_token(protected: Kubectl, cluster: Target) -> None:
    """Neither as a file nor in its environment; the app's own is where it was."""
    template = apps.template([apps.container(cluster.app_image, WRITE)], [apps.claimed()])
    protected.apply(apps.claim(), apps.pod("tokens", template))
    protected.wait("pod/tokens", "condition=Ready")

    look = "ls /var/run/secrets/kubernetes.io/serviceaccount"
    listed = protected.exec("tokens", "sh", "-c", look, container="app")
    ours = protected.exec("tokens", "sh", "-c", f"{look} 2>/dev/null || true", container="backup")

    assert "token" in listed
    assert ours == ""


@pytest.mark.parametrize("where", ["own", "kube-system"])
def test_pods_of_the_webhook_and_the_system_are_never_touched(
    cluster: Target, release: object, where: str
) -> None:
    """Not even where somebody labels the namespace."""
    del release
    namespace = "backup-webhook" if where == "own" else where
    kubectl = cluster.kubectl.within(namespace)
    kubectl("label", "namespace", namespace, "backup.enabled=true", "--overwrite")
    template = apps.template(
        [apps.container(cluster.app_image, securityContext=apps.RESTRICTED)],
        [{"name": "data", "persistentVolumeClaim": {"claimName": "absent"}}],
    )
    manifest = apps.pod("untouched", template)
    try:
        stdin = json.dumps(manifest)
        answer = kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=stdin)
    finally:
        kubectl("label", "namespace", namespace, "backup.enabled-")

    assert "backup.status" not in answer
    assert '"initContainers"' not in answer
