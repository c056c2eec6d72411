"""What docs/recipes shows that needs a cluster, literally, around one app."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.blocks import blocks
from tests.cluster.commands.backup_command import backup
from tests.cluster.commands.documented import shell
from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.programs.release import NAME, Release
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar
from tests.cluster.workloads.s3 import S3
from tests.integration.documented.recipes import whole
from tests.runner.databases.sqlite.test_copies import SOUND, database, money

FILL = (
    "cd /var/lib/wiki; mkdir -p pages photos/2024; echo one > pages/index.md; "
    "echo it > photos/2024/it; base64 -d > db.sqlite3"
)
SPOIL = "cd /var/lib/wiki; rm -r pages; echo no > db.sqlite3; echo new > db.sqlite3-wal"


def _in_git(namespace: str, image: str) -> list[Json]:
    """Return the claim and the Deployment of the page on GitOps, with SQLite's annotations too."""
    claim, app = whole("docs/recipes/gitops.md")[1:]
    template = app["spec"]["template"]
    (other,) = (each["spec"]["template"] for each in whole("docs/recipes/sqlite.md")[1:])
    template["metadata"]["annotations"] |= other["metadata"]["annotations"]
    template["spec"]["containers"][0] |= {
        "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", apps.SERVE],
    }  # fmt: skip
    for each in (claim, app):
        each["metadata"]["namespace"] = namespace
    app["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "wiki:apps/Deployment:x"}
    return [claim, app]


def test_recipes_work_as_shown(protected: Kubectl, cluster: Target, tmp_path: Path) -> None:
    in_git = _in_git(str(protected.namespace), cluster.app_image)
    (tmp_path / "wiki.yaml").write_text(yaml.safe_dump_all(in_git))
    protected("apply", f"--filename={tmp_path}/wiki.yaml")
    protected.rollout("deployment/wiki")
    live = base64.b64encode(database(tmp_path / "live", "DELETE").read_bytes()).decode()
    protected("exec", "-i", "deployment/wiki", "-c", "wiki", "--", "sh", "-c", FILL, stdin=live)
    assert backup(protected, "now", "deploy/wiki", "--wait").code == 0
    ours = f"-n {protected.namespace} deploy/wiki"

    (look,) = blocks("docs/recipes/gitops.md", "## Verification")
    said = shell(look, tmp_path, protected, instead={"-n wiki": f"-n {protected.namespace}"})
    assert said.startswith("backup-restore backup"), "what it says of differences comes before"

    (folder,) = blocks("docs/recipes/media.md", "## Restore")
    real = {"-n media deploy/jellyfin": ours, "--volume library": "--volume data"}
    shell(folder, tmp_path, protected, instead={**real, "--at 2d": "--at 0s"})
    protected("get", "persistentvolumeclaim", "photos-2024")

    protected.exec("deployment/wiki", "sh", "-c", SPOIL, container="wiki")
    (copies,) = blocks("docs/recipes/sqlite.md", "## Restore")
    now = {"--at 1d": "--at 0s", "--in-place": "--in-place --yes"}
    real = {"-n home deploy/vaultwarden": ours, **now, "--in-place": "--in-place --yes --suspended"}
    shell(copies, tmp_path, protected, instead=real)
    assert money(tmp_path / "rescued" / "db.sqlite3") == SOUND
    protected.rollout("deployment/wiki")

    (suspended,) = blocks("docs/recipes/gitops.md", "## Restore")
    in_place = ("--volume", "data", "--in-place", "--yes")
    refused = backup(protected, "restore", "deploy/wiki", *in_place)
    assert (refused.code, "Argo CD may scale it up" in refused.err) == (1, True), refused.all
    shell(suspended, tmp_path, protected, instead={"-n wiki deploy/wiki": ours, **now})
    protected.rollout("deployment/wiki")

    show = "cd /var/lib/wiki; cat pages/index.md; ls; base64 -w0 db.sqlite3"
    lines = protected.exec("deployment/wiki", "sh", "-c", show, container="wiki").splitlines()
    assert lines[:-1] == ["one", "db.sqlite3", "pages", "photos"]
    (tmp_path / "there").write_bytes(base64.b64decode(lines[-1]))
    assert money(tmp_path / "there") == SOUND


@pytest.fixture
def secret_of_the_job(protected: Kubectl, cluster: Target, s3: S3) -> Iterator[Kubectl]:
    """The webhook's namespace with the Secret of the repository that the job looks after."""
    ours = cluster.kubectl.within(NAME)
    repository = s3.repository(str(protected.namespace))
    apps.secret(ours, repository, AWS_ACCESS_KEY_ID=s3.key, AWS_SECRET_ACCESS_KEY=s3.secret)
    yield ours
    ours("delete", "secret", apps.SECRET)


@pytest.mark.alone
def test_one_job_makes_the_repository_and_keeps_what_each_workload_says(
    protected: Kubectl, cluster: Target, changed: Release, secret_of_the_job: Kubectl
) -> None:
    """As the CronJob would have it: nothing of it is changed but when."""
    ours = secret_of_the_job
    changed.upgrade(
        maintenance__enabled="true", maintenance__schedule=apps.NEVER,
        maintenance__forget="* * * * *",
        retention__graceDays="0", retention__floorWithin="0h", retention__floorLast="1",
    )  # fmt: skip

    def work(name: str) -> str:
        ours("create", "job", name, f"--from=cronjob/{NAME}-maintenance")
        ours.wait(f"job/{name}", "condition=Complete")
        return ours("logs", f"job/{name}")

    def backups() -> int:
        return sum(each["hostname"] == "wiki" for each in sidecar.snapshots(protected, pod))

    assert "a new repository was created" in work("first")
    minute = time.time() // 60
    asked = {"backup.keep-last": "1", "backup.schedule": apps.NEVER}
    none = dict.fromkeys(("hourly", "daily", "weekly", "monthly"), "0")
    annotations = {**apps.ENABLED, **asked, **{f"backup.keep-{key}": n for key, n in none.items()}}
    template = apps.template([apps.container(cluster.app_image)], [apps.claimed()], annotations)
    protected.apply(apps.claim(), apps.workload("Deployment", "wiki", template))
    protected.rollout("deployment/wiki")
    (pod,) = protected.names("pods", "--selector=app=app")
    pod = pod.removeprefix("pod/")
    protected.exec(pod, "sh", "-c", "echo some > /data/file", container="app")
    for _ in range(3):
        assert sidecar.run_now(protected, pod)["status"] == "success"
    assert backups() == 3
    until(lambda: time.time() // 60 > minute, "retention is due again", 65)

    assert "1 removed, 2 kept" in work("second")

    assert backups() == 2, "the two newest always stay"
    tasks = sidecar.status(protected, pod)["tasks"]
    assert "maintenance job" in tasks["prune"]["message"]
