"""The chart as helm renders it: values in, Kubernetes objects out, each rendering made once."""

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import build
from tests.cluster.settings import CACHE, PROJECT

Json = dict[str, Any]

CHART = PROJECT / "manifests" / "chart"
EXAMPLES = ("home", "production")
NEWEST = "1.37.0"
NAME = "backup-webhook"
EXISTING = ("certificates.mode=existing", "certificates.existing.secretName=brought")


class RefusedError(Exception):
    """helm did not render; the text is what it said."""


def helm(*arguments: str) -> str:
    """Run helm and return what it prints. Raises RefusedError."""
    folder = CACHE / "helm"  # not the user's own repositories and plugins
    own = {f"HELM_{kind}_HOME": str(folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run(
        [build.helm(), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **own, "KUBECONFIG": os.devnull},
    )
    if done.returncode != 0:
        raise RefusedError(done.stdout + done.stderr)
    return done.stdout


@cache
def text(
    *values: str, example: str = "", kubernetes: str = NEWEST, name: str = NAME, notes: bool = False
) -> str:
    """Return what is installed by the release ``name`` in the namespace `backup-webhook`.

    ``values`` are `key=value`, or `key=[…]` in JSON. Raises RefusedError.
    """
    files = [f"--values={CHART / 'examples' / example}.yaml"] if example else []
    given = [
        f"--set{'-json' if value.split('=', 1)[1][:1] in '[{' else ''}={value}" for value in values
    ]
    if notes:
        return helm("install", name, str(CHART), "--dry-run=client", *files, *given)
    version = f"--kube-version={kubernetes}"
    return helm("template", name, str(CHART), f"--namespace={NAME}", version, *files, *given)


def objects(
    *values: str, example: str = "", kubernetes: str = NEWEST, name: str = NAME
) -> list[Json]:
    """Return the objects of that text."""
    found = yaml.safe_load_all(text(*values, example=example, kubernetes=kubernetes, name=name))
    return [each for each in found if each]


def of_kind(kind: str, *values: str, example: str = "") -> list[Json]:
    """Return the objects of a kind that are no hook."""
    found = objects(*values, example=example)
    return [each for each in found if each["kind"] == kind and not is_hook(each)]


def one(kind: str, *values: str, example: str = "") -> Json:
    """Return the one object of a kind that is no hook."""
    (found,) = of_kind(kind, *values, example=example)
    return found


def is_hook(each: Json) -> bool:
    """Tell whether helm runs an object as a hook in place of installing it."""
    return "helm.sh/hook" in each["metadata"].get("annotations", {})


def pods(found: list[Json]) -> list[Json]:
    """Return the specs of all pods that objects make, those of hooks too."""
    bare = [each["spec"] for each in found if each["kind"] == "Pod"]
    return bare + [
        each["spec"]["template"]["spec"]
        for each in found
        if each["kind"] in {"DaemonSet", "Deployment"}
    ]


def golden(example: str) -> Path:
    """Return where the rendering of an example is kept."""
    return Path(__file__).with_name("golden") / f"{example}.yaml"
