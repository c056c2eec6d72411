"""The chart as helm installs it in the cluster under test."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import build
from tests.cluster.kubectl import Kubectl
from tests.cluster.settings import CACHE, PROJECT
from tests.cluster.work import WorkError

NAME = "backup-webhook"
CHART = PROJECT / "manifests" / "chart"
_WAIT = ("--wait", "--timeout=3m")
CONFIGURATION = f"mutatingwebhookconfiguration/{NAME}"
DEPLOYMENT = f"deployment/{NAME}"


@dataclass(frozen=True)
class Release:
    """One release, of the name and in the namespace `backup-webhook`.

    Values are those of the chart; as a keyword, a dot in a value's name is two underscores.
    """

    kubectl: Kubectl  # bound to the release's namespace
    values: dict[str, str] = field(default_factory=dict)  # for every install and upgrade

    def install(self, chart: Path = CHART, **values: str) -> None:
        """Install the chart and wait until the webhook is ready. Raises WorkError."""
        self._helm("install", chart, values, "--create-namespace", *_WAIT)

    def upgrade(self, chart: Path = CHART, **values: str) -> None:
        """Upgrade the release and wait until it is rolled out. Raises WorkError."""
        self._helm("upgrade", chart, values, *_WAIT)

    def upgrade_without_waiting(self, **values: str) -> None:
        """Upgrade the release to something that may never be rolled out. Raises WorkError."""
        self._helm("upgrade", CHART, values)

    def uninstall(self) -> None:
        """Uninstall it, if it is there."""
        helm(self.kubectl, "uninstall", NAME, "--ignore-not-found", *_WAIT)

    def _helm(self, verb: str, chart: Path, values: dict[str, str], *flags: str) -> None:
        given = {**self.values, **{key.replace("__", "."): text for key, text in values.items()}}
        settings = [f"--set={key}={text}" for key, text in given.items()]
        helm(self.kubectl, verb, NAME, str(chart), *settings, *flags)

    def restart(self) -> None:
        """Replace every webhook pod, one after the other."""
        self.kubectl("rollout", "restart", DEPLOYMENT)
        self.kubectl.rollout(DEPLOYMENT)


def helm(kubectl: Kubectl, *arguments: str) -> str:
    """Run helm in kubectl's namespace; return what it prints. Raises WorkError."""
    folder = CACHE / "helm"  # not the user's own repositories and plugins
    own = {f"HELM_{kind}_HOME": str(folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run(
        [build.helm(), f"--namespace={kubectl.namespace}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **own, "KUBECONFIG": str(kubectl.kubeconfig)},
    )
    if done.returncode != 0:
        raise WorkError(f"helm {' '.join(arguments)} failed:\n{done.stderr or done.stdout}")
    return done.stdout
