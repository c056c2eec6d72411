"""`backup-webhook coverage --if-enabled`: what backups by default would do, before they do."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.webhook.admitting import IMAGE, Json
from tests.webhook.cluster import lists
from tests.webhook.cluster.lists import Lists
from tests.webhook.commands import Ran, run
from tests.webhook.coverage.test_classify import admitted
from tests.webhook.coverage.test_command import connected

Output = pytest.CaptureFixture[str]
_KINDS = ("limitranges", "resourcequotas")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lists]:
    """A cluster with two namespaces, none of which has opted in."""
    with lists.serving() as served:
        connected(served, tmp_path, monkeypatch)
        served.put("/api/v1/namespaces", [_namespace("prod"), _namespace("kube-system")])
        for kind in _KINDS:
            served.put(f"/api/v1/{kind}", [])
        yield served


def _namespace(name: str, annotations: Json | None = None, **labels: str) -> Json:
    return {"metadata": {"name": name, "labels": labels, "annotations": annotations or {}}}


def _preview(capsys: Output, *arguments: str) -> Ran:
    return run(capsys, "coverage", "--image", IMAGE, "--if-enabled", *arguments)


def silent(pod: Json, name: str, **spec: object) -> Json:
    """Return a running pod that says nothing."""
    made = deepcopy(pod)
    made["metadata"] |= {"name": name, "annotations": {}}
    made["spec"] |= spec
    made["status"] = {"phase": "Running"}
    return made


def job(pod: Json, name: str) -> Json:
    made = silent(pod, name)
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "export", "controller": True}
    made["metadata"]["ownerReferences"] = [owner]
    return made


def test_it_lists_who_gets_a_sidecar_as_whom_and_with_what(
    cluster: Lists, capsys: Output, pod: Json
) -> None:
    user = {"securityContext": {"runAsUser": 1000}}
    refusing = silent(pod, "d")
    refusing["metadata"]["annotations"] = {"backup.enabled": "false"}
    refusing["metadata"]["ownerReferences"] = None
    ended = silent(pod, "e")
    ended["status"]["phase"] = "Succeeded"
    elsewhere = silent(pod, "f")
    elsewhere["metadata"]["namespace"] = "kube-system"
    bare = silent(pod, "g", volumes=[], containers=[{"name": "a", "image": "a"}])
    cluster.put("/api/v1/pods", [
        silent(pod, "a", **user), silent(pod, "b", **user), job(pod, "c"), refusing, ended,
        elsewhere, bare, admitted(pod),
    ])  # fmt: skip

    ran = _preview(capsys, "--all")

    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        "NAMESPACE  WORKLOAD         PODS  USER  VOLUMES\n"
        "prod       deployment/wiki  2     1000  pages\n"
        "\n"
        "NAMESPACE  WORKLOAD    PODS  GETS NO SIDECAR\n"
        "prod       job/export  1     left_out\n"
        "prod       pod/d       1     opted_out\n"
        "\n"
        "2 pods would get a sidecar at the next start, 2 would not, 1 has one; nothing was "
        "changed\n"
    )


def test_json_has_a_row_for_each_workload(cluster: Lists, capsys: Output, pod: Json) -> None:
    cluster.put("/api/v1/pods", [silent(pod, "a", securityContext={"runAsUser": 7})])

    (row,) = json.loads(_preview(capsys, "--all", "-o", "json").out)

    assert row == {
        "namespace": "prod", "kind": "Deployment", "workload": "wiki", "reason": "injected",
        "user": "7", "volumes": ["pages"], "warnings": [], "pods": 1, "pod": "a",
    }  # fmt: skip
    told = run(capsys, "coverage", "--help").out.partition("a list of objects: namespace kind")[2]
    assert row.keys() <= {"namespace", "kind", *told.partition("\n\n")[0].split()}


_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
_QUOTA = {
    "metadata": {"name": "q", "namespace": "prod"}, "spec": {"hard": {"limits.memory": "1Gi"}},
    "status": {"hard": {"limits.memory": "1Gi"}, "used": {"limits.memory": "1Gi"}},
}  # fmt: skip
LIMITED: dict[str, Any] = {
    "a level": ({}, _RESTRICTED, None, "injected", "65532"),
    "a quota": ({}, {}, _QUOTA, "quota", ""),
    "an annotation": ({"backup.run-as": "4321"}, {}, None, "injected", "4321"),
    "an annotation that says no": ({"backup.enabled": "false"}, {}, None, "injected", "0"),
}


@pytest.mark.parametrize("case", LIMITED)
def test_it_judges_by_what_the_namespace_allows(
    cluster: Lists, capsys: Output, pod: Json, case: str
) -> None:
    annotations, labels, quota, reason, user = LIMITED[case]
    cluster.put("/api/v1/namespaces", [_namespace("prod", annotations, **labels)])
    cluster.put("/api/v1/resourcequotas", [quota] if quota else [])
    cluster.put("/api/v1/pods", [silent(pod, "a")])

    (row,) = json.loads(_preview(capsys, "--all", "-o", "json").out)

    assert (row["reason"], row["user"]) == (reason, user)


def test_warnings_are_shown_with_their_workload(cluster: Lists, capsys: Output, pod: Json) -> None:
    made = silent(pod, "a")
    made["metadata"]["annotations"] = {"backup.keep-daily": "many\x1b[2J"}
    cluster.put("/api/v1/pods", [made])

    out = _preview(capsys, "--all").out

    assert "prod deployment/wiki: annotation backup.keep-daily 'many" in out
    assert "\x1b" not in out


def test_only_the_named_namespace_is_read(cluster: Lists, capsys: Output, pod: Json) -> None:
    within = "/api/v1/namespaces/prod"
    cluster.put("/api/v1/namespaces", [_namespace("prod")])
    cluster.put(f"{within}/pods", [silent(pod, "a")])
    for kind in _KINDS:
        cluster.put(f"{within}/{kind}", [])

    *_, last = _preview(capsys, "prod").out.splitlines()
    assert last.startswith("1 pod would get a sidecar at the next start, 0 would not, 0 have one;")


def test_a_namespace_that_is_not_there_is_an_error(cluster: Lists, capsys: Output) -> None:
    cluster.put("/api/v1/namespaces", [])
    for kind in _KINDS:
        cluster.put(f"/api/v1/namespaces/prod/{kind}", [])

    ran = _preview(capsys, "prod")

    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "backup-webhook: there is no namespace prod\n"


@pytest.mark.parametrize("kind", _KINDS)
def test_what_may_not_be_listed_is_named(
    cluster: Lists, capsys: Output, pod: Json, kind: str
) -> None:
    """What would not be counted in might keep a pod from its sidecar: the answer would be wrong."""
    cluster.put("/api/v1/pods", [silent(pod, "a")])
    cluster.refused[f"/api/v1/{kind}"] = 403

    ran = _preview(capsys, "--all")

    assert (ran.status, ran.out) == (2, "")
    assert f"cannot list {kind}: " in ran.err


@pytest.mark.parametrize(
    "arguments", [("--all",), ("--if-enabled",), ("--if-enabled", "a", "--all"),
                  ("--if-enabled", "a", "--namespace", "b")]
)  # fmt: skip
def test_one_namespace_or_all_have_to_be_named(
    cluster: Lists, capsys: Output, arguments: tuple[str, ...]
) -> None:
    del cluster
    ran = run(capsys, "coverage", *arguments)

    assert (ran.status, ran.out) == (2, "")
    assert "--if-enabled" in ran.err.splitlines()[-1]
