"""The chart in a real cluster: its warnings, as the API server gives them, and `helm test`."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.conftest import Target
from tests.cluster.programs import release
from tests.cluster.programs.kubectl import Json, Kubectl
from tests.cluster.programs.release import NAME, Release
from tests.cluster.work import until
from tests.cluster.workloads import apps

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

ENABLED = {"backup.enabled": "true"}
TEMPLATES = {
    "Pod": "metadata.annotations",
    "Deployment": "spec.template.metadata.annotations",
    "StatefulSet": "spec.template.metadata.annotations",
    "DaemonSet": "spec.template.metadata.annotations",
    "Job": "spec.template.metadata.annotations",
    "CronJob": "spec.jobTemplate.spec.template.metadata.annotations",
}
WORKLOADS = [kind for kind in TEMPLATES if kind != "Pod"]


@pytest.fixture(scope="module")
def installed(cluster: Target) -> Iterator[Release]:
    """The chart with one replica."""
    made = Release(cluster.kubectl.within(NAME), {"registry": cluster.registry, "replicas": "1"})
    made.uninstall()
    made.install()
    default = cluster.kubectl.within("default")
    until(lambda: bool(warnings(default, workload("Job", ENABLED))), "the policy counts", 60)
    yield made
    made.uninstall()


@pytest.fixture(scope="module")
def opted_in(installed: Release) -> Iterator[Kubectl]:
    """A namespace that has opted in, as the API server knows. Tests leave nothing in it."""
    name = f"{NAME}-warned"
    installed.kubectl("create", "namespace", name)
    bound = installed.kubectl.within(name)
    bound.wait("serviceaccount/default", "create")
    apps.opted_in(bound)
    until(lambda: not warnings(bound, workload("Job", ENABLED)), "the label counts", 60)
    yield bound
    installed.kubectl("delete", "namespace", name, "--wait=false")


def workload(
    kind: str, annotations: Json, own: Json | None = None, labels: Json | None = None
) -> Json:
    """Return a workload with annotations in its template, and others on itself."""
    spec: Json = {"containers": [{"name": "app", "image": "none"}]}
    if kind in {"CronJob", "Job"}:
        spec["restartPolicy"] = "Never"
    meta = {"annotations": annotations, "labels": {"app": "app", **(labels or {})}}
    if kind == "Pod":
        return {
            "apiVersion": "v1", "kind": kind, "metadata": {"name": "app", **meta}, "spec": spec,
        }  # fmt: skip
    template: Json = {"template": {"metadata": meta, "spec": spec}}
    bodies: dict[str, Json] = {
        "Job": template,
        "CronJob": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": template}},
    }
    return {
        "apiVersion": "batch/v1" if kind in bodies else "apps/v1",
        "kind": kind,
        "metadata": {"name": "app", "annotations": own or {}},
        "spec": bodies.get(kind, {**template, "selector": {"matchLabels": {"app": "app"}}}),
    }


def warnings(kubectl: Kubectl, made: Json) -> list[str]:
    """Return what somebody is told who applies an object."""
    given = json.dumps(made)
    return told(kubectl("create", "--dry-run=server", "--filename=-", stdin=given, check=False))


def told(output: str) -> list[str]:
    """Return the policy's warnings in what kubectl said; nothing was refused."""
    assert "(server dry run)" in output, output
    mark = f"binding '{NAME}': "
    return [line.partition(mark)[2] for line in output.splitlines() if mark in line]


@pytest.mark.parametrize("kind", TEMPLATES)
def test_valid_annotations_give_no_warning(opted_in: Kubectl, kind: str) -> None:
    right = {
        **ENABLED,
        "backup.schedule": " H(0-29) 3 * * 1-5",
        "backup.keep-daily": "7",
        "backup.keep-within": "",
        "backup.run-as": "1000:1000",
        "backup.status": "{}",
        "backup.velero.io/must-include-additional-items": "true",
    }

    assert warnings(opted_in, workload(kind, right)) == []
    assert warnings(opted_in, workload(kind, {})) == []


@pytest.mark.parametrize("kind", TEMPLATES)
def test_unknown_annotation_is_named(opted_in: Kubectl, kind: str) -> None:
    (line,) = warnings(opted_in, workload(kind, {**ENABLED, "backup.shedule": "@daily"}))

    assert line.startswith("no such setting: backup.shedule; there are backup.enabled, ")


@pytest.mark.parametrize("kind", WORKLOADS)
def test_misplaced_annotation_is_named_with_the_right_place(opted_in: Kubectl, kind: str) -> None:
    (line,) = warnings(opted_in, workload(kind, {}, {**ENABLED, "example.com/other": "x"}))

    assert line == (
        f"backup.enabled has no effect on the {kind} itself: write it in {TEMPLATES[kind]}"
    )
    assert warnings(opted_in, workload(kind, ENABLED, ENABLED)) == [], "it is in both"


@pytest.mark.parametrize("kind", ["Pod", "Deployment"])
def test_label_in_place_of_an_annotation_gives_a_warning(opted_in: Kubectl, kind: str) -> None:
    (line,) = warnings(opted_in, workload(kind, {}, labels=ENABLED))

    assert line == f"backup.enabled has no effect as a label: write it in {TEMPLATES[kind]}"


def test_invalid_values_are_named_with_a_remedy(opted_in: Kubectl) -> None:
    given = {"backup.enabled": "ture", "backup.keep-last": "all", "backup.schedule": "@yearly"}
    (line,) = warnings(opted_in, workload("Deployment", given))

    cron = "five cron fields (minute hour day month weekday), @daily or off"
    assert sorted(line.split("; ")) == [
        'backup.enabled "ture": write true or false',
        'backup.keep-last "all": write a whole number, 0 or more',
        f'backup.schedule "@yearly": write {cron}',
    ]


@pytest.mark.parametrize("word", ["true", " Yes ", "ON", "1"])
def test_namespace_without_the_label_is_named_with_the_command(
    installed: Release, word: str
) -> None:
    default = installed.kubectl.within("default")
    (line,) = warnings(default, workload("Deployment", {"backup.enabled": word}))

    command = "kubectl label namespace default backup.enabled=true"
    assert line == f"not backed up until the namespace opts in: {command}"
    assert warnings(default, workload("Deployment", {"backup.enabled": "false"})) == []


@pytest.mark.parametrize("name", ["kube-system", NAME])
def test_excluded_namespace_gives_a_warning(installed: Release, name: str) -> None:
    (line,) = warnings(installed.kubectl.within(name), workload("Deployment", ENABLED))

    assert line == f"not backed up: pods of the namespace {name} are never touched"


def test_pod_of_a_controller_is_checked_only_when_a_user_annotates_it(
    opted_in: Kubectl,
) -> None:
    """Its template has been warned of, and what a controller is told nobody reads."""
    opted_in("create", "configmap", "owner")
    uid = opted_in.get("configmap", "owner")["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    pod = workload("Pod", {"backup.unknown": "x"})
    pod["metadata"]["ownerReferences"] = [owner]

    assert warnings(opted_in, pod) == []
    opted_in.create(pod)
    change = ["--dry-run=server", "pod", "app"]
    assert told(opted_in("label", *change, "a=b", check=False)) == []
    (line,) = told(opted_in("annotate", *change, "backup.pausd=true", check=False))
    assert line.startswith("no such setting: backup.")
    assert "backup.pausd" in line
    opted_in("delete", "pod,configmap", "app", "owner", "--ignore-not-found", "--wait=false")


def test_policy_is_valid_for_every_kind_that_it_matches(installed: Release) -> None:
    """As the API server's own type checker finds."""
    policy = f"validatingadmissionpolicy/{NAME}"
    installed.kubectl.wait(policy, "jsonpath={.status.observedGeneration}", 30)

    assert installed.kubectl.get(policy)["status"]["typeChecking"] == {}


def test_helm_test_creates_a_dry_run_pod_and_leaves_nothing(installed: Release) -> None:
    """Twice: what the first one made must not be in the way of the second."""
    for _ in range(2):
        said = release.helm(installed.kubectl, "test", NAME, "--logs", "--timeout=2m")

        assert "a pod in a labelled namespace gets the sidecar" in said
        left = "namespaces,pods,serviceaccounts,roles,rolebindings"
        assert not [name for name in installed.kubectl.names(left) if name.endswith("-test")]
