"""Backups without an annotation on any app: what the chart and a namespace say is enough."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.commands.backup_command import backup
from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.programs.release import DEPLOYMENT, Release
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar

pytestmark = pytest.mark.alone
_FILE = "/data/page"


@pytest.fixture(scope="module")
def every(release: Release) -> Iterator[Release]:
    """The release, which backs up each pod with a claim in labelled namespaces."""
    release.upgrade(enabled="all")
    yield release
    release.upgrade()


def _app(image: str, name: str, script: str = "", *, mount: str = "data") -> list[Json]:
    """Return an app of uid 1000 that writes a file, and its claim."""
    script = script or (f"echo {name} > {_FILE}" if mount else "true")
    made = apps.container(
        image, f"set -e; {script}; {apps.SERVE}", mount=mount, securityContext=apps.RESTRICTED
    )
    volumes = [apps.claimed(name)] if mount else []
    user = {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000}
    template = apps.template([made], volumes, {}, securityContext=user)
    template["metadata"]["labels"] = {"app": name}
    app = apps.workload("Deployment", name, template)
    app["spec"]["selector"] = {"matchLabels": {"app": name}}
    return [apps.claim(name), app] if mount else [app]


def _preview(release: Release, namespace: str) -> list[Json]:
    out = release.kubectl(
        "exec", DEPLOYMENT, "--", "backup-webhook", "coverage", "--if-enabled", namespace,
        "--output", "json",
    )  # fmt: skip
    rows: list[Json] = json.loads(out)
    return rows


def test_a_label_on_the_namespace_is_all_that_an_app_needs(
    every: Release, protected: Kubectl, cluster: Target
) -> None:
    """Two apps of uid 1000, and one that has nothing to back up."""
    image = cluster.app_image
    protected.apply(*_app(image, "one"), *_app(image, "two"), *_app(image, "bare", mount=""))
    for name in ("one", "two", "bare"):
        protected.rollout(f"deployment/{name}")

    for name in ("one", "two"):
        done = backup(protected, "now", f"deploy/{name}", "--wait")
        assert done.code == 0, done.all
    (pod,) = protected.items("pods", "--selector=app=bare")
    assert "backup.enabled" not in pod["metadata"].get("annotations", {})
    assert not [each["name"] for each in pod["spec"].get("initContainers", [])]
    status = backup(protected, "status")
    assert status.code == 0, status.all
    assert _preview(every, str(protected.namespace)) == [], "nothing is left to get a sidecar"

    # A namespace that is made anew, with all that is in it: volumes come back by themselves.
    protected("annotate", "namespace", str(protected.namespace), "backup.restore=required")
    protected("delete", "deployment", "one", "--wait")
    protected("delete", "persistentvolumeclaim", "one", "--wait")
    protected.apply(*_app(image, "one", f"cat {_FILE}"))
    protected.rollout("deployment/one")
    assert protected("logs", "deployment/one", "--container=app") == "one\n"


def test_a_namespace_opts_out_and_says_so(
    every: Release, protected: Kubectl, cluster: Target
) -> None:
    name = str(protected.namespace)
    protected("annotate", "namespace", name, "backup.enabled=false")
    protected.apply(*_app(cluster.app_image, "app"))
    protected.rollout("deployment/app")

    assert [row["reason"] for row in _preview(every, name)] == ["injected"], "if it asked for it"
    (pod,) = protected.items("pods")
    assert not pod["spec"].get("initContainers")

    said = ("backup.enabled=true", "backup.timezone=Asia/Tokyo", "backup.schedule=5 4 * * *")
    protected("annotate", "namespace", name, "--overwrite", *said)
    protected("rollout", "restart", "deployment/app")
    protected.rollout("deployment/app")
    until(lambda: len(protected.items("pods")) == 1, "the old pod has gone", 120)
    (pod,) = protected.items("pods")
    known = sidecar.status(protected, pod["metadata"]["name"])
    assert known["timezone"] == "Asia/Tokyo"
    assert known["schedule"] == apps.NEVER, "the Secret's variable outranks the namespace"
