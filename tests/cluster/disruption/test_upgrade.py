"""An upgrade of the chart: what runs goes on, and what comes new is as the new chart says."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Kubectl
from tests.cluster.programs.release import CHART, NAME, Release
from tests.cluster.workloads import apps, sidecar

pytestmark = pytest.mark.alone


def _previous(folder: Path) -> Path:
    """Return a chart that is one version older. There is no release yet whose chart it could be."""
    chart = folder / "chart"
    shutil.copytree(CHART, chart)
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    about["version"] = "0.0.9"
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about))
    return chart


@pytest.fixture
def replaced(release: Release) -> Iterator[Release]:
    """The release, for a test that installs it differently."""
    release.uninstall()
    yield release
    release.uninstall()


def test_upgrade_from_the_previous_chart_keeps_backups_going(
    protected: Kubectl, replaced: Release, cluster: Target, tmp_path: Path
) -> None:
    release = replaced
    release.install(_previous(tmp_path), replicas="2")
    template = apps.template([apps.container(cluster.app_image)], [apps.claimed()])
    protected.apply(apps.claim(), apps.claim("new"), apps.pod("old", template))
    protected.wait("pod/old", "condition=Ready")
    assert sidecar.run_now(protected, "old")["status"] in {"success", "warning"}
    ca = release.kubectl.get("secret", f"{NAME}-ca")["data"]["ca.crt"]

    release.upgrade(replicas="2", clusterName="here")

    assert release.kubectl.get("secret", f"{NAME}-ca")["data"]["ca.crt"] == ca
    assert sidecar.restarts(protected, "old") == 0
    assert sidecar.run_now(protected, "old")["status"] in {"success", "warning"}
    template["spec"]["volumes"] = [apps.claimed("new")]
    protected.apply(apps.pod("new", template))
    protected.wait("pod/new", "condition=Ready")
    assert sidecar.run_now(protected, "new")["status"] in {"success", "warning"}
    *_, newest = (s for s in sidecar.snapshots(protected, "new") if s["hostname"] == "new")
    assert "cluster=here" in newest["tags"]
