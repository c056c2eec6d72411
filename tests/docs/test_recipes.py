"""The recipes' manifests are what Kubernetes, the webhook and the chart take."""

import json
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped] # ships no types
import pytest
import yaml

from contract.annotations import settings
from tests.blocks import PROJECT, blocks, fenced, pages, run
from tests.chart.rendering import NEWEST, helm
from tests.cluster.programs import build
from webhook.manifests import workloads

RECIPES = [page for page in pages() if page.startswith("docs/recipes/")]
SERVERS = ("docs/recipes/nas.md",)  # one workload of each holds repositories
_INDEX = "docs/recipes/index.md"
_LONGEST = 130  # lines: two screens, and a manifest
Json = dict[str, Any]


def _documents(page: str) -> list[Json]:
    shown = [each.text for each in fenced(page) if each.language == "yaml"]
    return [each for text in shown for each in yaml.safe_load_all(text)]


def _with_pods(objects: list[Json]) -> list[Json]:
    """Return the objects with the example's app where they have none of their own."""
    if any(True for each in objects for _ in workloads.workloads(each)):
        return objects
    claim, app = yaml.safe_load_all((PROJECT / "manifests/examples/wiki.yaml").read_text())
    namespace = objects[0]["metadata"]["namespace"]
    for each in (claim, app):
        each["metadata"]["namespace"] = namespace
    return [*objects, claim, app]


FILES = {"AdmissionConfiguration", "Config"}  # of the API server's, on its node; tests/apiserver
WHOLE = {
    page: [each for each in _documents(page) if "kind" in each and each["kind"] not in FILES]
    for page in RECIPES
}
VALUES = [(page, each) for page in RECIPES for each in _documents(page) if "kind" not in each]


@pytest.mark.parametrize("page", [page for page, found in WHOLE.items() if found])
def test_manifests_are_injected_without_a_warning(page: str, tmp_path: Path) -> None:
    objects = _with_pods(WHOLE[page])
    spaces = {each["metadata"].get("namespace") or each["metadata"]["name"] for each in objects}
    opted_in = [
        {"apiVersion": "v1", "kind": "Namespace",
         "metadata": {"name": name, "labels": {"backup.enabled": "true"}}}
        for name in spaces
    ]  # fmt: skip
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all([*opted_in, *objects]))

    done = subprocess.run(
        ("backup-webhook", "lint", "-f", file, "--output", "json"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    reports = json.loads(done.stdout)
    opted_out = [each for each in reports if each["reason"] == "not_enabled"]
    assert all(each["injected"] or each in opted_out for each in reports)
    assert len(opted_out) == (page in SERVERS)
    lacking = "is not in these files"
    told = [note["message"] for each in reports for note in each["findings"]]
    assert [line for line in told if lacking not in line and "is restored from" not in line] == []


@pytest.mark.parametrize("page", [page for page, found in WHOLE.items() if found])
def test_manifests_are_valid_for_kubernetes(page: str) -> None:
    for each in WHOLE[page]:
        kubernetes_validate.validate(each, "1.29", strict=True)


@pytest.mark.parametrize(("page", "values"), VALUES)
def test_values_are_valid_for_the_chart(page: str, values: Json, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))

    helm("template", "backup-webhook", str(PROJECT / "manifests/chart"), f"--values={file}",
         f"--kube-version={NEWEST}", "--set=registry=registry.example.com")  # fmt: skip

    assert values, page


def test_the_install_command_for_cert_manager_renders(tmp_path: Path) -> None:
    """All but that it reaches a cluster."""
    (tmp_path / "manifests").symlink_to(PROJECT / "manifests")
    first = next(values for page, values in VALUES if page == "docs/recipes/cert-manager.md")
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(first))
    (install,) = blocks("docs/recipes/cert-manager.md", "## Install")
    environment = {"PATH": f"{build.helm().parent}:/usr/bin:/bin", "HOME": str(tmp_path)}

    said = run(install, tmp_path, environment, {"--wait": "--dry-run=client"})

    assert "cert-manager.io/inject-ca-from: backup-webhook/" in said
    assert "kind: Issuer" in said


def test_each_is_in_the_index_and_short() -> None:
    index = (PROJECT / _INDEX).read_text()
    for page in RECIPES:
        name = page.rpartition("/")[2]
        assert page == _INDEX or f"]({name})" in index, page
        lines = (PROJECT / page).read_text().splitlines()
        assert len(lines) <= _LONGEST, f"{page}: {len(lines)} lines"


def test_recipes_name_only_existing_settings() -> None:
    known = {each.annotation for each in settings.ALL} | {"backup.status", "backup.injected"}
    others = ("velero.io", "k8up.io")
    for page in RECIPES:
        words = (PROJECT / page).read_text().replace("`", " ").replace(":", " ").split()
        for word in words:
            named = word.partition("=")[0].rstrip(".,;)")
            if named.startswith("backup.") and not any(each in named for each in others):
                assert named in known or named.endswith(("*", ".com")), f"{page}: {named}"
