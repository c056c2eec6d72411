"""`backup-webhook` as a person calls it, and the manifests that are given to it."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.webhook.admitting import IMAGE, Json
from webhook.__main__ import main


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str

    def documents(self) -> list[Any]:
        """Return the YAML documents on standard output."""
        return list(yaml.load_all(self.out, yaml.CSafeLoader))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ran:
    """Run one command; a SystemExit is its status."""
    try:
        status: object = main(list(arguments))
    except SystemExit as ended:
        status = ended.code
    assert isinstance(status, int)
    printed = capsys.readouterr()
    return Ran(status, printed.out, printed.err)


def inject(capsys: pytest.CaptureFixture[str], *files: object) -> Ran:
    """Run `inject` on files."""
    named = [argument for file in files for argument in ("-f", str(file))]
    return run(capsys, "inject", *named, "--image", IMAGE)


def workload(kind: str, pod: Json) -> Json:
    """Return a manifest of this kind, named wiki, with the metadata and spec of ``pod``."""
    pod = deepcopy(pod)
    annotations = {"annotations": pod["metadata"]["annotations"]}
    if kind == "Pod":
        return {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": "wiki", **annotations},
            "spec": pod["spec"],
        }
    template = {"metadata": {"labels": {"app": "wiki"}, **annotations}, "spec": pod["spec"]}
    spec: Json = {"selector": {"matchLabels": {"app": "wiki"}}, "template": template}
    if kind == "CronJob":
        spec = {"schedule": "0 4 * * *", "jobTemplate": {"spec": {"template": template}}}
    if kind in {"Job", "ReplicationController"}:
        spec.pop("selector")
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "wiki"}, "spec": spec}


def template_of(manifest: Json) -> Json:
    """Return the pod, or pod template, in a manifest."""
    if manifest["kind"] == "Pod":
        return manifest
    spec: Json = manifest["spec"]
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template: Json = spec["template"]
    return template
