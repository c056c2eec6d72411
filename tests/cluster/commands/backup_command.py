"""`kubectl backup`, run as kubectl runs it: a program of its own that finds the cluster itself."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.programs.kubectl import Kubectl

Json = dict[str, Any]
PROGRAM = Path(sys.executable).with_name("kubectl-backup")


@dataclass(frozen=True)
class Said:
    """How it ended."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Everything that it wrote."""
        return self.out + self.err


def begin(kubectl: Kubectl, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start it in kubectl's cluster and namespace."""
    namespace = ["--namespace", kubectl.namespace] if kubectl.namespace else []
    return subprocess.Popen(
        [PROGRAM, *arguments, *namespace],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "KUBECONFIG": str(kubectl.kubeconfig)},
    )


def backup(kubectl: Kubectl, *arguments: str, timeout: float = 600) -> Said:
    """Run it to its end."""
    with begin(kubectl, *arguments) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return Said(process.returncode, out.decode(), err.decode())


def rows(kubectl: Kubectl, *arguments: str) -> list[Json]:
    """Return what `status` says, for scripts."""
    found: list[Json] = json.loads(backup(kubectl, "status", "-o", "json", *arguments).out)
    return found
