"""`kubectl backup` on a real cluster: what it shows, starts and keeps."""

import json
from pathlib import Path

from tests.blocks import blocks
from tests.cluster.commands.backup_command import backup, rows
from tests.cluster.commands.documented import shell
from tests.cluster.commands.wiki import FILL, ODD, name, wiki
from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Kubectl
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar
from tests.cluster.workloads.s3 import UNENCRYPTED


def test_status_now_and_a_kept_snapshot(
    protected: Kubectl, cluster: Target, tmp_path: Path
) -> None:
    """And what README, the drill's and the runbooks' pages show."""
    pod = wiki(protected, cluster.app_image)
    sidecar.await_first_look(protected, pod)

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


def test_status_lists_workloads_that_ask_for_no_backup(protected: Kubectl, cluster: Target) -> None:
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
