"""Pods of docs/recipes: admitted by the webhook's own code as their pages have them, and run."""

import os
import shlex
from copy import deepcopy
from pathlib import Path

import jsonpatch
import yaml

from demo.kubelet import Container
from tests.blocks import fenced
from tests.integration.sidecars import PACE, PASSWORD, Json, later
from webhook.admission.admit import admit
from webhook.admission.model import Options
from webhook.manifests import objects as manifests_objects
from webhook.manifests import workloads

_USUAL = "backup-env-configuration"


def whole(page: str) -> list[Json]:
    """Return the Kubernetes objects that a page shows; values of the chart are none."""
    shown = [each.text for each in fenced(page) if each.language == "yaml"]
    found = [each for text in shown for each in yaml.safe_load_all(text)]
    return [each for each in found if "kind" in each]


class Recipe(Container):
    """The sidecar of a page's workload, in the pod ``pod``, and its repository.

    Its Secret is the page's, but for what is ``given``. ``path`` is its PATH.
    """

    def __init__(self, root: Path, page: str, pod: str, path: str = "", **given: str) -> None:
        objects = whole(page)
        item = next(each for each in objects for _ in workloads.workloads(each)
                    if pod.startswith(each["metadata"]["name"]))  # fmt: skip
        self.namespace = str(item["metadata"]["namespace"])
        made = workloads.as_created(next(workloads.workloads(item)))
        made["metadata"] = {**made["metadata"], "namespace": self.namespace}
        options = Options("backup-webhook-sidecar:test", database_image="db:test", defaults=later())
        admission = admit(made, self.namespace, options)
        assert (admission.reason, admission.warnings) == ("injected", ())
        patched = jsonpatch.apply_patch(deepcopy(made), list(admission.operations))
        patched["metadata"]["name"] = pod
        self._used = str(made["metadata"]["annotations"].get("backup.secret", _USUAL))
        self.repository = root / "repository"
        ours = {"RESTIC_REPOSITORY": str(self.repository), "RESTIC_PASSWORD": PASSWORD}
        shown = [each for each in objects if each["metadata"]["name"] == self._used]
        own = manifests_objects.contents(shown[0]).variables if shown else {}
        self.secret = {**own, **ours, **given}
        extra = {**PACE, **({"PATH": path} if path else {})}
        super().__init__(root / "pod", patched, {self._used: self.secret}, extra)
        self._target = f"deploy/{item['metadata']['name']}" if pod[-2:] != "-0" else pod
        self._programs = root / "programs"
        self._programs.mkdir()

    def change_secret(self, **variables: str) -> None:
        """Change variables of the Secret, as both the files and a new container have them."""
        self.secret |= variables
        self.write_secrets({self._used: self.secret})

    def outside(self, **more: str) -> dict[str, str]:
        """Return the environment of somebody whose restic knows the repository.

        Their `kubectl exec` runs commands in this container, and knows nothing else.
        """
        inside = {**self._process_environment(), **self.secret}
        variables = " ".join(shlex.quote(f"{key}={text}") for key, text in inside.items())
        begins = f"-n {self.namespace} exec {self._target} -c backup -- "
        program = self._programs / "kubectl"
        program.write_text(
            f'#!/bin/bash\n[[ "$* " == "{begins}"* ]] || exit 64\n'
            f'shift 7\ncd / && exec env -i {variables} "$@"\n'
        )
        program.chmod(0o755)
        return {
            "PATH": f"{self._programs}:{os.environ['PATH']}", "HOME": str(self.root),
            "RESTIC_REPOSITORY": str(self.repository), "RESTIC_PASSWORD": PASSWORD, **more,
        }  # fmt: skip
