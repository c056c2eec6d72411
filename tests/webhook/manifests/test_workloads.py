"""`inject` and `lint` find pod templates by their structure, whatever kind has them."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.webhook.admitting import Json
from tests.webhook.commands import Ran, inject
from tests.webhook.lint.lint_files import Lint

Output = pytest.CaptureFixture[str]


def _pod(name: str) -> Json:
    claim = {"claimName": name}
    mount = {"name": "data", "mountPath": "/d"}
    return {
        "metadata": {"annotations": {"backup.enabled": "true"}},
        "spec": {
            "containers": [{"name": "app", "image": "app", "volumeMounts": [mount]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": claim}],
        },
    }


def _object(kind: str, spec: Json, version: str = "example.net/v1") -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "wiki"}, "spec": spec}


_PODS = [_pod("one"), _pod("two")]
# Each object with two pods at most, and where its templates are.
KINDS: dict[str, tuple[Json, list[str]]] = {
    "DeploymentConfig": (_object("DeploymentConfig", {"template": _PODS[0]}), ["spec.template"]),
    "CloneSet": (_object("CloneSet", {"template": _PODS[0]}), ["spec.template"]),
    "Knative": (
        _object("Service", {"template": _PODS[0]}, "serving.knative.dev/v1"), ["spec.template"],
    ),
    "PodTemplate": (
        {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "wiki"},
         "template": _PODS[0]},
        ["template"],
    ),
    "JobSet": (
        _object("JobSet", {"replicatedJobs": [
            {"name": "a", "template": {"spec": {"template": _PODS[0]}}},
            {"name": "b", "template": {"spec": {"template": _PODS[1]}}},
        ]}),
        ["spec.replicatedJobs[0].template.spec.template",
         "spec.replicatedJobs[1].template.spec.template"],
    ),
    "RayCluster": (
        _object("RayCluster", {"headGroupSpec": {"template": _PODS[0]},
                               "workerGroupSpecs": [{"template": _PODS[1]}]}),
        ["spec.headGroupSpec.template", "spec.workerGroupSpecs[0].template"],
    ),
    "Volcano": (
        _object("Job", {"tasks": [{"template": _PODS[0]}]}, "batch.volcano.sh/v1alpha1"),
        ["spec.tasks[0].template"],
    ),
    "LeaderWorkerSet": (
        _object("LeaderWorkerSet", {"leaderWorkerTemplate": {
            "leaderTemplate": {"spec": {}}, "workerTemplate": {"template": _PODS[0]}}}),
        ["spec.leaderWorkerTemplate.workerTemplate.template"],
    ),
}  # fmt: skip


def _injected(tmp_path: Path, capsys: Output, *manifests: Json) -> Ran:
    file = tmp_path / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(manifests), "utf-8")
    return inject(capsys, file)


def _at(item: Json, place: str) -> Json:
    found: Any = item
    for key in place.replace("[", ".[").split("."):
        found = found[int(key[1:-1])] if key.startswith("[") else found[key]
    made: Json = found
    return made


@pytest.mark.parametrize(("manifest", "places"), KINDS.values(), ids=KINDS)
def test_each_template_is_injected_in_place(
    tmp_path: Path, capsys: Output, manifest: Json, places: list[str]
) -> None:
    ran = _injected(tmp_path, capsys, manifest)

    (result,) = ran.documents()
    expected = deepcopy(manifest)
    for place in places:
        (sidecar,) = _at(result, place)["spec"]["initContainers"]
        assert sidecar["name"] == "backup"
        _at(expected, place).update(_at(result, place))
    assert result == expected
    assert len(ran.err.splitlines()) == len(places)


@pytest.mark.parametrize(("manifest", "places"), KINDS.values(), ids=KINDS)
def test_each_template_is_reported_with_its_path(
    lint: Lint, manifest: Json, places: list[str]
) -> None:
    linted = lint(manifest)

    # A kind of Kubernetes by that name is not told apart where its template is.
    named = [report["template"] for report in linted.reports]
    assert named in (places, [""] * len(places))
    assert all(report["injected"] for report in linted.reports)


def test_an_openshift_template_holds_objects_like_a_list(tmp_path: Path, capsys: Output) -> None:
    held = [KINDS["DeploymentConfig"][0], _object("Deployment", {"template": _PODS[1]})]
    version = "template.openshift.io/v1"
    holder = {"apiVersion": version, "kind": "Template", "metadata": {}, "objects": held}

    ran = _injected(tmp_path, capsys, holder)

    assert ran.err == "deploymentconfig/wiki (spec.template): injected\ndeployment/wiki: injected\n"


UNCLEAR: dict[str, tuple[Json, str]] = {
    "a strategic merge": (_object("Prometheus", {"containers": [{"name": "a"}]}), "spec"),
    "a template by another name": (
        _object("Elasticsearch", {"nodeSets": [{"podTemplate": _PODS[0]}]}),
        "spec.nodeSets[0].podTemplate.spec",
    ),
    "a container of a workflow": (
        _object("Workflow", {"templates": [{"container": {"image": "a"}}]}),
        "spec.templates[0]",
    ),
    "a script of a workflow": (
        _object("WorkflowTemplate", {"templates": [{"script": {"image": "a", "source": "x"}}]}),
        "spec.templates[0]",
    ),
    "steps of a task": (_object("Task", {"steps": [{"image": "a"}, {"ref": {}}]}), "spec"),
}


@pytest.mark.parametrize(("manifest", "place"), UNCLEAR.values(), ids=UNCLEAR)
def test_an_object_that_may_be_a_pod_is_named_and_unchanged(
    tmp_path: Path, capsys: Output, lint: Lint, manifest: Json, place: str
) -> None:
    ran = _injected(tmp_path, capsys, manifest)

    assert ran.documents() == [manifest]
    assert ran.err.startswith(f"{manifest['kind'].lower()}/wiki ({place}): unclear\n")
    linted = lint(manifest)
    assert (linted.status, linted.report["reason"], linted.report["template"]) == (
        0, "unclear", place,
    )  # fmt: skip
    assert "no pod template" in linted.one("note", place)


@pytest.mark.parametrize(
    "manifest",
    [
        _object("SealedSecret", {"template": {"metadata": {}}}),
        _object("HelmRelease", {"values": {"podAnnotations": {"backup.enabled": "true"}}}),
        _object("Pipeline", {"steps": [{"name": "no image"}], "container": {"registry": "x"}}),
        _object("Pipeline", {"steps": {"image": "x"}, "script": "echo", "container": "image"}),
    ],
    ids=str,
)
def test_an_object_without_containers_is_no_workload(
    tmp_path: Path, capsys: Output, manifest: Json
) -> None:
    ran = _injected(tmp_path, capsys, manifest)

    assert ran.status == 2
    assert "no Pod and no workload" in ran.err
    assert "render charts and overlays first" in ran.err
