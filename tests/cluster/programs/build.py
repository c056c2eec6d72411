"""Binaries of the test cluster, built from their pinned Go modules into the user's cache.

Each build leaves a stamp of what it was made from: a second call only compares it.
"""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.cluster.settings import KUBERNETES, KUBERNETES_VERSION, PROJECT, TOOLS
from tests.cluster.work import WorkError, alone, long
from tests.services import once

KUBERNETES_PROGRAMS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
_MODULES = PROJECT / "tools"


def kubernetes() -> Path:
    """Return the folder of Kubernetes' programs, built there first where they are missing.

    About nine minutes on two cores. Raises WorkError.
    """
    flags = " ".join(_version_flags(KUBERNETES_VERSION))
    stamp = KUBERNETES / ".built"
    if _stamped(stamp, flags):
        return KUBERNETES
    _need_go()
    folder = KUBERNETES.parent
    with alone(folder):
        if _stamped(stamp, flags):
            return KUBERNETES
        (folder / "go.mod").write_text(_module(KUBERNETES_VERSION))
        label = f"Kubernetes {KUBERNETES_VERSION}"
        long(f"Resolving {label}", ["go", "mod", "tidy"], folder / "tidy.log", folder)
        KUBERNETES.mkdir(exist_ok=True)
        long(
            f"Building {label} from source, once (about 9 minutes on 2 cores)",
            ["go", "build", "-trimpath", "-ldflags", flags, "-o", f"{KUBERNETES}/", "tool"],
            folder / "build.log",
            folder,
            {"CGO_ENABLED": "0"},
        )
        stamp.write_text(flags)
    return KUBERNETES


def helm() -> Path:
    """Return a helm built from tools/helm/go.mod. About two minutes. Raises WorkError."""
    return _tool(_MODULES / "helm", "helm.sh/helm/v4/cmd/helm")


def rclone() -> Path:
    """Return an rclone built from tools/go.mod. About two minutes. Raises WorkError."""
    return _tool(_MODULES, "github.com/rclone/rclone")


def _tool(module: Path, package: str) -> Path:
    """Build one package of a module whose go.mod and go.sum we keep; return the program."""
    name = package.rsplit("/", 1)[1]
    pins = b"".join((module / file).read_bytes() for file in ("go.mod", "go.sum"))

    def build(program: Path) -> None:
        _need_go()
        long(
            f"Building {name} from source, once (about two minutes)",
            ["go", "build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", program, package],
            TOOLS / f".{name}.log",
            module,
            {"CGO_ENABLED": "0"},
        )

    return once.file(TOOLS / name, hashlib.sha256(pins).hexdigest(), build)


def _stamped(stamp: Path, text: str) -> bool:
    return stamp.exists() and stamp.read_text() == text


def _need_go() -> None:
    if shutil.which("go") is None:
        raise WorkError("Go 1.21 or newer is needed to build the test cluster: install it")


def _version_flags(version: str) -> list[str]:
    """Return linker flags that tell the programs their version: helm and kubectl read it."""
    major, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
    return ["-s", "-w"] + [
        f"-X {package}/version.{name}={value}"
        for package in ("k8s.io/component-base", "k8s.io/client-go/pkg")
        for name, value in values.items()
    ]


def _module(version: str) -> str:
    """Write a go.mod whose tools are Kubernetes' programs.

    Kubernetes requires its staging modules at v0.0.0 and replaces them by folders of its own
    tree; replacements of a dependency do not count, so they are set here, to their releases.
    """
    download = _json("go", "mod", "download", "-json", f"k8s.io/kubernetes@v{version}")
    theirs = _json("go", "mod", "edit", "-json", str(download["GoMod"]))
    staging = [entry["Path"] for entry in theirs["Require"] if entry["Version"] == "v0.0.0"]
    release = "v0." + version.split(".", 1)[1]
    lines = [
        "module backup-webhook/kubernetes",
        f"go {theirs['Go']}",
        f"require k8s.io/kubernetes v{version}",
        *(f"tool k8s.io/kubernetes/cmd/{name}" for name in KUBERNETES_PROGRAMS),
        *(f"replace {path} => {path} {release}" for path in staging),
    ]
    return "\n".join(lines) + "\n"


def _json(*argv: str) -> dict[str, Any]:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0:
        raise WorkError(f"{' '.join(argv)} failed:\n{done.stdout}{done.stderr}")
    result = json.loads(done.stdout)
    assert isinstance(result, dict)
    return result
