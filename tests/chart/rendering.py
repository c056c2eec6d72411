"""The chart as helm renders it: values in, Kubernetes objects out, each rendering made once."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.programs import helm as call
from tests.cluster.programs.release import CHART, NAME

Json = dict[str, Any]

EXAMPLES = ("home", "production")
NEWEST = "1.37.0"
REGISTRY = "registry.example.net"
"""Where images are that a test says nothing of."""
EXISTING = ("certificates.mode=existing", "certificates.existing.secretName=brought")


def helm(*arguments: str) -> str:
    """Run helm without any cluster and return what it prints. Raises RefusedError."""
    return call.helm(Path(os.devnull), *arguments)


@cache
def text(
    *values: str, example: str = "", kubernetes: str = NEWEST, name: str = NAME, notes: bool = False
) -> str:
    """Return what is installed by the release ``name`` in the namespace `backup-webhook`.

    ``values`` are `key=value`, or `key=[…]` in JSON. Raises RefusedError.
    """
    files = [f"--values={CHART / 'examples' / example}.yaml"] if example else []
    if not example and not any(value.startswith("registry=") for value in values):
        values = (f"registry={REGISTRY}", *values)
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
    templates = [
        each["spec"].get("jobTemplate", each)["spec"]["template"]["spec"]
        for each in found
        if each["kind"] in {"CronJob", "DaemonSet", "Deployment"}
    ]
    return bare + templates


def golden(example: str) -> Path:
    """Return where the rendering of an example is kept."""
    return Path(__file__).with_name("golden") / f"{example}.yaml"
