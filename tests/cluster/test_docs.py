"""What docs/ shows, literally, on a real cluster."""

from pathlib import Path

from tests.blocks import blocks
from tests.cluster import apps
from tests.cluster.commands import shell
from tests.cluster.conftest import Target
from tests.cluster.kubectl import Kubectl


def test_runbooks_begin_with_the_sidecars_word(
    protected: Kubectl, cluster: Target, tmp_path: Path
) -> None:
    template = apps.template([apps.container(cluster.app_image)], [apps.claimed()])
    protected.apply(apps.claim(), apps.pod("app", template))
    protected.wait("pod/app", "condition=Ready")
    (look,) = blocks("docs/runbooks.md", "# Runbooks", "kubectl")

    said = shell(look, tmp_path, protected,
                 instead={"-n prod": f"-n {protected.namespace}", "POD": "app"})  # fmt: skip

    assert "app " in said
    assert "backup" in said
