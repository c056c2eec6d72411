"""helm, built from its pinned module, as every test calls it."""

import os
import subprocess
from pathlib import Path

from tests.cluster.programs import build
from tests.cluster.settings import CACHE


class RefusedError(Exception):
    """helm ended with another status than 0; the text is what it said."""


def helm(kubeconfig: Path, *arguments: str) -> str:
    """Run helm and return what it prints. Raises RefusedError."""
    folder = CACHE / "helm"  # not the user's own repositories and plugins
    own = {f"HELM_{kind}_HOME": str(folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run(
        [build.helm(), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **own, "KUBECONFIG": str(kubeconfig)},
    )
    if done.returncode != 0:
        raise RefusedError(done.stdout + done.stderr)
    return done.stdout
