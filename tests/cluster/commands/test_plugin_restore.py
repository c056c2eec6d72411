"""`kubectl backup restore` on a real cluster: what comes back, and where it is refused."""

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.blocks import blocks
from tests.cluster.commands.backup_command import backup, begin
from tests.cluster.commands.documented import shell
from tests.cluster.commands.wiki import FILL, ODD, is_as_before, listing, name, spoil, wiki
from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Kubectl
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar


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


def test_restore_in_place_puts_everything_back(
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

    is_as_before(protected)
    assert listing(protected) == before


def test_one_folder_as_of_yesterday_while_all_else_stays(
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

    is_as_before(protected)
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


def test_a_restore_that_is_interrupted_starts_the_workload_again(
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
    is_as_before(protected)


def test_a_claim_that_another_pod_mounts_stops_the_restore(
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


def test_who_would_scale_it_back_stops_the_restore(protected: Kubectl, cluster: Target) -> None:
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
