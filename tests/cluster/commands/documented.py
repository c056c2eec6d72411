"""Commands of the documentation, run as a person at this cluster runs them."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.blocks import run
from tests.cluster.programs import build
from tests.cluster.programs.kubectl import Kubectl


def shell(
    block: str,
    folder: Path,
    kubectl: Kubectl,
    variables: Mapping[str, str] | None = None,
    instead: Mapping[str, str] | None = None,
) -> str:
    """Run a block with helm, kubectl and its plugin; return its standard output.

    It finds the cluster and the namespace in a kubeconfig, as a person has it.
    """
    own = folder / "kubeconfig"
    shutil.copy(kubectl.kubeconfig, own)
    if kubectl.namespace:
        words = ("config", "set-context", "--current", f"--namespace={kubectl.namespace}")
        replace(kubectl, kubeconfig=own, namespace=None)(*words)
    programs = [str(build.helm().parent), str(kubectl.program.parent), os.environ["PATH"]]
    environment = {
        **os.environ, **(variables or {}),
        "PATH": ":".join(programs), "KUBECONFIG": str(own),
    }  # fmt: skip
    return run(block, folder, environment, instead)
