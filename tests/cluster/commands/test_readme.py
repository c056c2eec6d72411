"""README's steps, literally: its own blocks on a real cluster, from nothing to restored files."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.blocks import blocks, run
from tests.cluster.commands.documented import shell
from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.programs.release import NAME, Release
from tests.cluster.settings import PROJECT
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar
from tests.cluster.workloads.s3 import S3

pytestmark = pytest.mark.alone

LISTING = (
    "cd /var/lib/wiki && find . -mindepth 1 -printf '%y %m %U:%G %s %T@ %p -> %l\\n' | sort"
    " && find . -type f -exec sha256sum {} + | sort"
)
FILL = """
cd /var/lib/wiki
test -e pages || {
  mkdir -p pages/'with space'; echo hello > pages/index.md; date > pages/'with space'/ä.md
  head -c 3000000 /dev/urandom > picture; ln -s pages/index.md home; ln picture same
  chmod 600 picture; touch -d 2001-02-03 pages/index.md
}
trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done
"""


@pytest.fixture
def wiki(cluster: Target) -> Iterator[Kubectl]:
    """The namespace `wiki` with the example's app, unannotated, and no webhook anywhere."""
    kubectl = cluster.kubectl
    Release(kubectl.within(NAME)).uninstall()
    kubectl("delete", "namespace", "wiki", "--ignore-not-found")  # of an earlier run
    kubectl("create", "namespace", "wiki")
    yield kubectl.within("wiki")
    kubectl("delete", "namespace", "wiki", "--wait=false")
    kubectl.within("wiki")("delete", "pod", "--all", "--grace-period=1", "--wait=false")
    Release(kubectl.within(NAME)).uninstall()


def _manifest(image: str) -> list[Json]:
    """Return manifests/examples/wiki.yaml as somebody has it who has not heard of us."""
    claim, deployment = yaml.safe_load_all((PROJECT / "manifests/examples/wiki.yaml").read_text())
    template = deployment["spec"]["template"]
    del template["metadata"]["annotations"]
    (app,) = template["spec"]["containers"]
    app |= {"image": image, "command": ["sh", "-ec", FILL]}
    return [claim, deployment]


def _pod(kubectl: Kubectl) -> str:
    """Return the name of the app's one pod that is not going away."""
    pods = kubectl.items("pods", "--selector=app=wiki")
    (name,) = [p["metadata"]["name"] for p in pods if "deletionTimestamp" not in p["metadata"]]
    return str(name)


def test_four_commands_protect_an_app_and_restore_a_lost_volume(
    wiki: Kubectl, cluster: Target, s3: S3, tmp_path: Path
) -> None:
    (tmp_path / "manifests").symlink_to(PROJECT / "manifests")
    (tmp_path / "your-wiki.yaml").write_text(yaml.safe_dump_all(_manifest(cluster.app_image)))
    s3.make_bucket("readme")
    variables = {
        "REGISTRY": cluster.registry, "REPOSITORY": s3.repository("readme", "wiki"),
        "KEY_ID": s3.key, "KEY": s3.secret,
    }  # fmt: skip
    wiki("apply", f"--filename={tmp_path}/your-wiki.yaml")
    wiki.rollout("deployment/wiki")
    settings, install, password, look = blocks("README.md", "## Installation")
    (restore,) = blocks("README.md", "### Restore a lost volume")
    (older,) = blocks("docs/restore.md", "## Without the plugin")
    echo = "".join(f'echo "${key}"\n' for key in variables)  # fails where one is not set
    assert len(run(settings + echo, tmp_path).splitlines()) == len(variables)
    assert [line.split()[0] for line in install.split("\n\n")] == ["helm", *["kubectl"] * 3]

    secret = "--from-literal=RESTIC_REPOSITORY"
    quiet = "".join(f"--from-literal={key}={value} " for key, value in apps.AT_ONCE.items())
    shell(install, tmp_path, wiki, variables, instead={secret: quiet + secret})
    wiki.rollout("deployment/wiki")
    pod = _pod(wiki)
    assert sidecar.injected(wiki.get("pod", pod)), "it is there after the fourth command"
    shell(look, tmp_path, wiki, variables)
    known = sidecar.status(wiki, pod)
    assert known["last"]["status"] == "success", known
    assert known["schedule"] == "H * * * *"
    assert known["next"]
    before = wiki.exec(pod, "sh", "-c", LISTING, container="wiki")
    assert "with space/ä.md" in before
    today = {"2026-11-24": f"{datetime.now(UTC):%Y-%m-%d}"}
    shell(older, tmp_path, wiki, instead=today)
    assert (
        wiki.exec(pod, "cat", "/var/lib/backup/old/data/pages/index.md", container="backup")
        == "hello\n"
    )

    wiki("scale", "deployment/wiki", "--replicas=0")
    wiki("delete", "pvc", "wiki-data")
    shell(restore, tmp_path, wiki, variables)
    wiki.rollout("deployment/wiki")

    assert wiki.exec(_pod(wiki), "sh", "-c", LISTING, container="wiki") == before
    hosts = {s["hostname"] for s in sidecar.snapshots(wiki, _pod(wiki))}
    assert hosts == {"wiki"}, "there are two where its hour came"
    assert len(shell(password, tmp_path, wiki)) == 32


_OF_EVERY_NAMESPACE = ["configmap/kube-root-ca.crt", "serviceaccount/default"]


def _left(cluster: Target) -> list[str]:
    return cluster.kubectl.within(NAME).names("all,secrets,configmaps,serviceaccounts")


def test_uninstall_leaves_nothing_that_touches_admission(
    cluster: Target, namespace: Kubectl, tmp_path: Path
) -> None:
    """And installing it again works."""
    (tmp_path / "manifests").symlink_to(PROJECT / "manifests")
    namespace("label", "namespace", str(namespace.namespace), "backup.enabled=true")
    release = Release(cluster.kubectl.within(NAME), {"registry": cluster.registry, "replicas": "1"})
    release.uninstall()  # that of other tests
    (install,) = blocks("manifests/chart/README.md", "# Helm chart of backup-webhook")
    yours = {"registry.example.com/backup": cluster.registry}
    for _ in range(2):
        shell(install, tmp_path, cluster.kubectl, instead=yours)
        release.uninstall()
        cluster.kubectl.within(NAME).wait("pod --all", "delete")  # until they have drained

        ours = "mutatingwebhookconfigurations,validatingadmissionpolicies,clusterroles"
        left = cluster.kubectl.names(f"{ours},validatingadmissionpolicybindings")
        assert not [name for name in left if "backup" in name]
        until(lambda: _left(cluster) == _OF_EVERY_NAMESPACE, "nothing is left of it", 60)
    pod = {"metadata": {"name": "p", "annotations": {"backup.enabled": "true"}},
           "spec": {"containers": [{"name": "app", "image": "none"}]},
           "apiVersion": "v1", "kind": "Pod"}  # fmt: skip
    answer = namespace(
        "create", "--dry-run=server", "--output=json", "--filename=-", stdin=json.dumps(pod)
    )
    assert "backup.status" not in answer
