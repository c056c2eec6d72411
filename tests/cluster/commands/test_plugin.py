"""`kubectl backup` on a real cluster: what it shows, starts, finds and brings back."""

import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.blocks import blocks
from tests.cluster.commands.backup_command import backup, begin, rows
from tests.cluster.commands.documented import shell
from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Kubectl
from tests.cluster.programs.release import DEPLOYMENT, Release
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar
from tests.cluster.workloads.s3 import UNENCRYPTED

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


def test_status_now_and_a_kept_snapshot(
    protected: Kubectl, cluster: Target, tmp_path: Path
) -> None:
    """And what README, the drill's and the runbooks' pages show."""
    pod = wiki(protected, cluster.app_image)

    (before,) = rows(protected)
    assert (before["workload"], before["status"]) == ("deploy/wiki", "never run")

    ran = backup(protected, "now", "deploy/wiki", "--wait", "--keep")
    assert ran.code == 0, ran.all
    assert f"pod {pod}: success: 3 files" in ran.out

    (after,) = rows(protected, "wiki")
    assert (after["status"], after["host"]) == ("success", "wiki")
    assert after["problems"] == [UNENCRYPTED]
    assert after["last_success"]

    listed = backup(protected, "snapshots", "wiki")
    assert "data, [keep]" in listed.out
    assert backup(protected, "ls", "wiki", "latest", "data/keep").out.endswith("  it\n")
    assert backup(protected, "cat", "wiki", "latest", f"data/{ODD}").out == "zwei\n"
    (drill,) = blocks("docs/restore.md", "## Drills")
    assert "verify success" in shell(drill, tmp_path, protected)
    assert rows(protected)[0]["drill"].startswith("ok")
    # The supervisor looks at what the drill has left, and then nobody else may.
    until(lambda: backup(protected, "unlock", "wiki").code == 0, "it is unlocked", 60)
    assert "backup success" in backup(protected, "logs", "wiki").out

    (readme,) = blocks("README.md", "## kubectl backup")
    said = shell(readme, tmp_path, protected, instead={" -A ": " ", "app.conf": "file"})
    assert "deploy/wiki" in said
    assert (tmp_path / "file").read_text() == "one\n"
    (begin,) = blocks("docs/runbooks.md", "# Runbooks", "kubectl")
    here = {"-n prod": f"-n {protected.namespace}", "POD": pod}
    assert "success" in shell(begin, tmp_path, protected, instead=here)


def test_keep_outlives_retention(protected: Kubectl, cluster: Target) -> None:
    """All that retention would leave is the last one."""
    none = {f"backup.keep-{key}": "0" for key in ("hourly", "daily", "weekly", "monthly")}
    wiki(protected, cluster.app_image, **none, **{"backup.forget": "* * * * *"})
    assert backup(protected, "now", "wiki", "--keep").code == 0
    kept = {each["id"] for each in sidecar.snapshots(protected, name(protected))}

    for _ in range(2):
        spoil_one = "date +%N > /data/file"
        protected.exec(name(protected), "sh", "-c", spoil_one, container="app")
        assert backup(protected, "now", "wiki", "--wait").code == 0

    left = {each["id"] for each in sidecar.snapshots(protected, name(protected))}
    assert kept < left


def test_an_intentionally_emptied_volume_is_accepted(protected: Kubectl, cluster: Target) -> None:
    pod = wiki(protected, cluster.app_image)
    assert backup(protected, "now", "wiki", "--wait").code == 0
    protected.exec(pod, "sh", "-c", "rm -r /data/*", container="app")

    lost = backup(protected, "now", "wiki", "--wait")
    assert (lost.code, "failure (source)" in lost.out) == (1, True)
    assert "kubectl backup accept" in " ".join(rows(protected)[0]["problems"])
    assert backup(protected, "accept", "wiki").code == 0
    assert backup(protected, "now", "wiki", "--wait").code == 0


def test_replicas_of_a_stateful_set_have_separate_backups(
    protected: Kubectl, cluster: Target, tmp_path: Path
) -> None:
    asked = {**apps.ENABLED, "backup.schedule": apps.NEVER}
    template = apps.template([apps.container(cluster.app_image, FILL)], [], asked)
    spec = {"serviceName": "db", "replicas": 2, "podManagementPolicy": "Parallel",
            "volumeClaimTemplates": [apps.claim()]}  # fmt: skip
    protected.apply(apps.workload("StatefulSet", "db", template, **spec))
    protected.rollout("statefulset/db")

    # One of them creates the repository: how several do that at once is tried elsewhere.
    assert backup(protected, "now", "pod/db-0", "--wait").code == 0
    assert backup(protected, "now", "sts/db", "--wait").code == 0

    assert [each["host"] for each in rows(protected, "sts/db")] == ["db-0", "db-1"]
    local = ("--volume", "data", "--to-local", str(tmp_path / "x"))
    unclear = backup(protected, "restore", "sts/db", *local)
    assert (unclear.code, "pod/db-0, pod/db-1" in unclear.err) == (1, True)
    assert backup(protected, "restore", "pod/db-1", *local).code == 0
    assert (tmp_path / "x" / ODD).read_text() == "zwei\n"

    protected.exec("db-1", "sh", "-c", f"rm '/data/{ODD}'; echo x > /data/file", container="app")
    protected.exec("db-0", "sh", "-c", "echo mine > /data/file", container="app")
    in_place = ("--volume", "data", "--in-place", "--yes")
    done = backup(protected, "restore", "pod/db-1", *in_place)
    assert done.code == 0, done.all
    protected.rollout("statefulset/db")
    assert protected.exec("db-1", "cat", f"/data/{ODD}", "/data/file") == "zwei\none\n"
    assert protected.exec("db-0", "cat", "/data/file") == "mine\n"


def test_restore_to_a_folder_here(protected: Kubectl, cluster: Target, tmp_path: Path) -> None:
    """Through the API server alone, with names as people give them."""
    wiki(protected, cluster.app_image)
    assert backup(protected, "now", "wiki", "--wait").code == 0
    folder = tmp_path / "ein Ordner ü"
    words = ("restore", "wiki", "--volume", "data", "--to-local", str(folder))
    (look,) = blocks("docs/restore.md", "## Look first")
    here = {"data/pages": "data/keep", "app.conf": "file", "./rescued": f"'{folder.name}'"}

    said = shell(look, tmp_path, protected, instead=here)
    assert "  it\none\n" in said
    assert (folder / ODD).read_text() == "zwei\n"
    assert sorted(path.name for path in folder.iterdir()) == ["file", "keep", "mit Leerzeichen"]

    again = backup(protected, *words, "--path", ODD)
    assert (again.code, "pass --yes" in again.err) == (1, True)
    alone = tmp_path / "alone"
    assert backup(protected, *words[:-1], str(alone), "--path", ODD).code == 0
    assert [path.name for path in alone.iterdir()] == [Path(ODD).name]


def test_restore_in_place_restores_everything(
    protected: Kubectl, cluster: Target, tmp_path: Path
) -> None:
    """Owners and modes too; the workload runs again; what is not in the snapshot goes."""
    wiki(protected, cluster.app_image)
    assert backup(protected, "now", "wiki", "--wait").code == 0
    before = listing(protected)
    spoil(protected)

    unasked = backup(protected, "restore", "wiki", "--volume", "data", "--in-place")
    assert unasked.code == 1
    assert "into the claim data of deploy/wiki" in unasked.err
    assert "OVERWRITTEN" in unasked.err

    (restore,) = blocks("docs/restore.md", "## A whole volume as of some time")
    shell(restore, tmp_path, protected, instead={"1d": "0s", "--in-place": "--in-place --yes"})

    _is_as_before(protected)
    assert listing(protected) == before


def _is_as_before(kubectl: Kubectl) -> None:
    """Fail unless `wiki` has its pod, and nothing of the restore is left."""
    kubectl.rollout("deployment/wiki")
    workload = kubectl.get("deployment", "wiki")
    assert workload["spec"]["replicas"] == 1
    assert "kubectl-backup/replicas" not in workload["metadata"]["annotations"]
    ours = "--selector=app.kubernetes.io/managed-by=kubectl-backup"
    assert kubectl.items("pods", ours) == []
    until(lambda: len(kubectl.items("pods", "--selector=app=app")) == 1, "one pod is left", 240)


def test_one_folder_is_restored_as_of_yesterday_and_the_rest_stays(
    protected: Kubectl, cluster: Target, tmp_path: Path
) -> None:
    """The rest of its volume, what was added there since, and another volume."""
    app = apps.container(cluster.app_image, f"test -e /other/it || echo old > /other/it; {FILL}")
    app["volumeMounts"].append({"name": "other", "mountPath": "/other"})
    volumes = [apps.claimed(), {**apps.claimed("other"), "name": "other"}]
    asked = {**apps.ENABLED, "backup.schedule": apps.NEVER}
    workload = apps.workload("Deployment", "wiki", apps.template([app], volumes, asked))
    protected.apply(apps.claim(), apps.claim("other"), workload)
    protected.rollout("deployment/wiki")
    assert backup(protected, "now", "wiki", "--wait").code == 0
    yesterday = datetime.now(UTC) - timedelta(days=1, minutes=5)
    protected.exec(
        name(protected), "backup-runner", "restic", "rewrite", "--forget", "--retry-lock", "1m",
        "--new-time", f"{yesterday:%Y-%m-%d %H:%M:%S}", "latest", container=sidecar.CONTAINER,
    )  # fmt: skip
    spoil(protected)
    protected.exec(name(protected), "sh", "-c", "echo new > /other/it", container="app")
    assert backup(protected, "now", "wiki", "--wait").code == 0

    (restore,) = blocks("docs/restore.md", "## One file or folder")
    shell(restore, tmp_path, protected,
          instead={"pages": "keep", "--in-place": "--at 1d --in-place --yes"})  # fmt: skip

    _is_as_before(protected)
    after = listing(protected)
    assert "640 1234:4321 ./keep/it three" in after
    assert "./keep/new new" in after
    assert "./file changed" in after
    assert protected.exec(name(protected), "cat", "/other/it", container="app") == "new\n"


def test_restore_into_a_new_claim(protected: Kubectl, cluster: Target, tmp_path: Path) -> None:
    """The workload runs on, and its volume is not touched."""
    pod = wiki(protected, cluster.app_image)
    assert backup(protected, "now", "wiki", "--wait").code == 0
    spoil(protected)

    (restore,) = blocks("docs/restore.md", "## Beside the old one")
    shell(restore, tmp_path, protected, instead={"1d": "0s"})

    assert name(protected) == pod
    assert "./file changed" in listing(protected)
    reader = apps.template([apps.container(cluster.app_image)], [apps.claimed("data-before")], {})
    reader["metadata"]["labels"] = {"app": "reader"}
    protected.apply(apps.pod("reader", reader))
    protected.wait("pod/reader", "condition=Ready")
    assert protected.exec("reader", "cat", f"/data/{ODD}") == "zwei\n"
    refused = backup(protected, "restore", "wiki", "--volume", "data", "--to-pvc", "data-before")
    assert (refused.code, "in use by pod reader" in refused.err) == (1, True)


def test_an_interrupted_restore_scales_the_workload_up_again(
    protected: Kubectl, cluster: Target
) -> None:
    """Ctrl-C twice, while the volume is being restored."""
    wiki(protected, cluster.app_image)
    assert backup(protected, "now", "wiki", "--wait").code == 0

    def scaled_down() -> bool:
        return int(protected.get("deployment", "wiki")["spec"]["replicas"]) == 0

    words = ("restore", "wiki", "--volume", "data", "--in-place", "--yes")
    with begin(protected, *words) as process:
        try:
            until(scaled_down, "it is scaled down", 240)
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=240)
        finally:
            process.kill()
    assert process.returncode == 130
    _is_as_before(protected)


def test_a_claim_mounted_by_another_pod_prevents_the_restore(
    protected: Kubectl, cluster: Target
) -> None:
    """Before anything was scaled."""
    pod = wiki(protected, cluster.app_image)
    assert backup(protected, "now", "wiki", "--wait").code == 0
    other = apps.template([apps.container(cluster.app_image)], [apps.claimed()], {})
    other["metadata"]["labels"] = {"app": "other"}
    protected.apply(apps.pod("other", other))
    protected.wait("pod/other", "condition=Ready")

    done = backup(protected, "restore", "wiki", "--volume", "data", "--in-place", "--yes")

    assert (done.code, "in use by pod other" in done.err) == (1, True)
    assert name(protected) == pod


def test_a_gitops_controller_prevents_the_restore(protected: Kubectl, cluster: Target) -> None:
    pod = wiki(protected, cluster.app_image)
    assert backup(protected, "now", "wiki", "--wait").code == 0
    protected("label", "deployment", "wiki", "helm.toolkit.fluxcd.io/name=wiki")
    words = ("restore", "wiki", "--volume", "data", "--in-place", "--yes")

    assert "Flux may scale it up" in backup(protected, *words).err
    assert name(protected) == pod

    protected("label", "deployment", "wiki", "helm.toolkit.fluxcd.io/name-")
    protected("autoscale", "deployment", "wiki", "--min=1", "--max=3", "--cpu=80%")
    assert "HorizontalPodAutoscaler wiki may scale" in backup(protected, *words).err
    assert name(protected) == pod
    assert backup(protected, *words, "--suspended").code == 0


def problems(kubectl: Kubectl, *arguments: str) -> list[str]:
    """Return the lines of what the doctor calls a problem; it must end in 1."""
    said = backup(kubectl, "doctor", *arguments)
    assert (said.code, said.err) == (1, "")
    return [line for line in said.out.splitlines() if line.startswith("problem")]


def test_the_doctor_finds_no_problem_in_a_healthy_cluster(
    protected: Kubectl, cluster: Target
) -> None:
    wiki(protected, cluster.app_image)
    assert backup(protected, "now", "wiki", "--wait").code == 0

    said = backup(protected, "doctor", "wiki")

    assert (said.code, "problem " in said.out) == (0, False), said.out
    for link in ("chart", "certificate", "webhook", "namespace", "admission", "Secret",
                 "repository"):  # fmt: skip
        assert f"ok       {link:<12}" in said.out
    assert "outside this cluster" in said.out
    assert "correct horse" not in said.all


@pytest.mark.alone
def test_the_doctor_and_reinject_after_an_outage_of_the_webhook(
    protected: Kubectl, release: Release, cluster: Target
) -> None:
    """The pod that was admitted meanwhile gets its sidecar when it is evicted."""
    release.kubectl("scale", DEPLOYMENT, "--replicas=0")
    try:
        release.kubectl.wait("pod --selector=app.kubernetes.io/component=webhook", "delete")
        bare = wiki(protected, cluster.app_image)
        first, *_ = problems(protected, "wiki")
        assert "its Deployment is scaled to 0" in first
    finally:
        release.upgrade()
        release.kubectl("scale", DEPLOYMENT, "--replicas=1")
        release.settle()
    (row,) = rows(protected)
    assert (row["status"], "never saw" in row["problems"][0]) == ("not injected", True)

    unasked = backup(protected, "reinject")
    assert (unasked.code, f"{bare} (deploy/wiki)" in unasked.out) == (1, True), unasked.all
    reinjected = backup(protected, "reinject", "--yes")

    assert (reinjected.code, f"{bare}: evicted" in reinjected.out) == (0, True), reinjected.all
    protected.wait(f"pod/{bare}", "delete")
    protected.rollout("deployment/wiki")
    assert sidecar.injected(protected.get("pod", name(protected)))
    assert backup(protected, "reinject").out.startswith("no pod lacks its sidecar")


def test_the_doctor_names_a_missing_namespace_label(protected: Kubectl, cluster: Target) -> None:
    assert protected.namespace
    protected("label", "namespace", protected.namespace, "backup.enabled-")
    wiki(protected, cluster.app_image)

    first, second = problems(protected, "wiki")

    assert "has no label backup.enabled=true" in first
    assert "the webhook never saw pod" in second
    (row,) = rows(protected)
    assert (row["status"], row["reason"], row["protected"]) == (
        "not injected", "not_opted_in", False
    )  # fmt: skip
    assert f"kubectl label namespace {protected.namespace}" in row["remedy"]


def test_status_lists_workloads_without_a_requested_backup(
    protected: Kubectl, cluster: Target
) -> None:
    """In a namespace that has opted in; alone, they are no failure."""
    template = apps.template([apps.container(cluster.app_image, FILL)], [apps.claimed()], {})
    protected.apply(apps.claim(), apps.workload("Deployment", "bare", template))
    protected.rollout("deployment/bare")

    for words in ((), ("-A",)):
        said = backup(protected, "status", "-o", "json", *words)
        (row,) = (each for each in json.loads(said.out) if each["namespace"] == protected.namespace)
        assert (row["workload"], row["status"], row["reason"], row["protected"]) == (
            "deploy/bare", "no backup", "not_annotated", False
        )  # fmt: skip
    assert backup(protected, "status").code == 0
    assert backup(protected, "status", "deploy/bare").code == 1
    assert rows(protected, "--protected-only") == []


def test_an_invalid_call_is_reported_in_one_line(
    protected: Kubectl, cluster: Target, tmp_path: Path
) -> None:
    """With the next step, and never a trace."""
    wiki(protected, cluster.app_image)
    missing = {**vars(protected), "kubeconfig": tmp_path / "none"}
    for said, hint in (
        (backup(protected, "now", "wikki"), "with backups: deploy/wiki"),
        (backup(protected, "ls", "wiki", "abcd", "data"), "kubectl backup now"),
        (backup(protected, "restore", "wiki", "--volume", "dat", "--in-place"), "backed up: data"),
        (backup(Kubectl(**missing), "status"), "KUBECONFIG"),
    ):
        assert (said.code, said.out, said.err.count("\n")) == (1, "", 1), said
        assert hint in said.err


def test_pause_and_resume_backups(protected: Kubectl, cluster: Target) -> None:
    """The kubelet takes up to two minutes to tell the sidecar."""
    wiki(protected, cluster.app_image, **{"backup.schedule": "off"})
    paused = backup(protected, "pause", "wiki")
    assert "BACKUP_PAUSED=true" in paused.err
    until(lambda: rows(protected)[0]["status"] == "paused", "it is paused", 300)
    asked = backup(protected, "now", "wiki", "--wait")
    assert (asked.code, "kubectl backup resume" in asked.err) == (1, True)
    assert backup(protected, "resume", "wiki").code == 0
    until(lambda: rows(protected)[0]["status"] == "never run", "it runs", 300)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"RESTIC_PASSWORD": "wrong"}, "the password is wrong"),
        ({"BACKUP_SCHEDULE": "off"}, "no run is scheduled"),
    ],
)
def test_the_doctor_reads_the_status_of_the_sidecar(
    protected: Kubectl, cluster: Target, change: dict[str, str], cause: str
) -> None:
    annotations = {} if "BACKUP_SCHEDULE" in change else {"backup.schedule": apps.NEVER}
    template = apps.template(
        [apps.container(cluster.app_image, FILL)], [apps.claimed()],
        {**apps.ENABLED, **annotations},
    )  # fmt: skip
    protected.apply(apps.claim(), apps.workload("Deployment", "wiki", template))
    protected.rollout("deployment/wiki")
    assert backup(protected, "now", "wiki", "--wait").code == 0

    protected("patch", "secret", apps.SECRET, "--patch", _string_data(change))

    until(lambda: cause in " ".join(problems_or_none(protected)), cause, 400)


def _string_data(values: dict[str, str]) -> str:
    pairs = ", ".join(f'"{key}": "{value}"' for key, value in values.items())
    return f'{{"stringData": {{{pairs}}}}}'


def problems_or_none(kubectl: Kubectl) -> list[str]:
    """Return what the doctor calls a problem now."""
    said = backup(kubectl, "doctor", "wiki").out
    return [line for line in said.splitlines() if line.startswith("problem")]
