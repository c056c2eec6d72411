"""One host for all pods of a workload that follow each other; its own for each with own data."""

from typing import Any

import pytest

from tests.webhook.admitting import Json, answer_to


def _owned(kind: str, name: str, **labels: str) -> Json:
    return {
        "labels": labels, "ownerReferences": [{"kind": kind, "name": name, "controller": True}],
    }  # fmt: skip


def _host(asked: Json, pod: Json, metadata: Json, claim: str = "web") -> Any:  # noqa: ANN401 -- text, or a field
    pod["metadata"] = {"annotations": pod["metadata"]["annotations"], **metadata}
    pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = claim
    return answer_to(asked).environment()["BACKUP_HOST"]


ROLLOUTS: dict[str, tuple[str, list[Json]]] = {
    "DeploymentConfig": (
        "db",
        [{"generateName": f"db-{n}-",
          **_owned("ReplicationController", f"db-{n}", deploymentconfig="db")} for n in (1, 2)],
    ),
    "CloneSet": (
        "web",
        [{"name": f"web-{tag}", "generateName": "web-", **_owned("CloneSet", "web")}
         for tag in ("abcde", "fghij")],
    ),
    "Argo": (
        "etl.load",
        [{"name": f"etl-{n}-load-{n % 97}", **_owned("Workflow", f"etl-{n}")}
         for n in (1764547200, 1764633600)],
    ),
    "Tekton": (
        "release.push",
        [{"name": f"run-{tag}-push-pod",
          "labels": {"tekton.dev/pipeline": "release", "tekton.dev/pipelineTask": "push"},
          "ownerReferences": [{"kind": "TaskRun", "name": f"run-{tag}-push", "controller": True}]}
         for tag in ("a1", "b2")],
    ),
    "Spark": (
        "etl.driver",
        [{"name": f"etl-{n}-driver", "labels": {"spark-role": "driver"},
          "ownerReferences": [{"kind": "SparkApplication", "name": f"etl-{n}",
                               "controller": True}]}
         for n in (1764547200000000000, 1764633600000000000)],
    ),
    "no name yet": ("vm", [{"generateName": "launcher-vm-", **_owned("VirtualMachine", "vm")}]),
}  # fmt: skip


@pytest.mark.parametrize(("host", "pods"), ROLLOUTS.values(), ids=ROLLOUTS)
def test_pods_that_replace_each_other_share_a_host(
    asked: Json, pod: Json, host: str, pods: list[Json]
) -> None:
    assert [_host(asked, pod, metadata) for metadata in pods] == [host] * len(pods)


OWN: dict[str, tuple[Json, str]] = {
    "a claim by its name": (
        {"name": "web-abcde", "generateName": "web-", **_owned("CloneSet", "web")},
        "data-web-abcde",
    ),
    "a name by its operator": ({"name": "pg-1", **_owned("Cluster", "pg")}, "pg-1"),
    "a Kafka broker's": ({"name": "kafka-0", **_owned("StrimziPodSet", "kafka")}, "data-kafka-0"),
    "a worker's of a group": ({"name": "lws-0-1", **_owned("StatefulSet", "lws-0")}, "shared"),
    "a StatefulSet's": ({"name": "db-0", **_owned("StatefulSet", "db")}, "data-db-0"),
}  # fmt: skip


@pytest.mark.parametrize(("metadata", "claim"), OWN.values(), ids=OWN)
def test_a_pod_with_data_of_its_own_has_a_host_of_its_own(
    asked: Json, pod: Json, metadata: Json, claim: str
) -> None:
    assert _host(asked, pod, metadata, claim) == "$(BACKUP_POD)"


def _named(asked: Json, pod: Json, metadata: Json) -> tuple[str, str, str]:
    """Return kind, workload and host of a pod with ``backup.name: mine``."""
    pod["metadata"]["annotations"]["backup.name"] = "mine"
    host = _host(asked, pod, metadata)
    found = answer_to(asked).environment()
    return found["BACKUP_KIND"], found["BACKUP_WORKLOAD"], host


RUNS: dict[str, Json] = {
    "Workflow": {"name": "etl-7xk2p-load-77", **_owned("Workflow", "etl-7xk2p")},
    "TaskRun": {"name": "run-a-pod", **_owned("TaskRun", "run-a")},
    "Job": {"generateName": "import-x9-", **_owned("Job", "import-x9")},
    "ReplicationController": {"generateName": "db-1-", **_owned("ReplicationController", "db-1")},
    "Pod": {"name": "shell"},
}


@pytest.mark.parametrize(("kind", "metadata"), RUNS.items(), ids=RUNS)
def test_the_annotation_names_host_and_workload_of_all_runs(
    asked: Json, pod: Json, kind: str, metadata: Json
) -> None:
    assert _named(asked, pod, metadata) == (kind, "mine", "mine")


# By naming itself as another, a workload would get, and could delete, the other's snapshots.
LASTING: dict[str, tuple[Json, tuple[str, str, str]]] = {
    "Deployment": (
        {"generateName": "web-5f6-",
         **_owned("ReplicaSet", "web-5f6", **{"pod-template-hash": "5f6"})},
        ("Deployment", "web", "mine"),
    ),
    "CronWorkflow": (
        {"name": "etl-1764547200-load-7", **_owned("Workflow", "etl-1764547200")},
        ("CronWorkflow", "etl.load", "mine"),
    ),
    "StatefulSet": (
        {"name": "db-3", **_owned("StatefulSet", "db", **{"apps.kubernetes.io/pod-index": "3"})},
        ("StatefulSet", "db", "mine-$(BACKUP_POD_INDEX)"),
    ),
    "StatefulSet without the label of its ordinal": (
        {"name": "db-3", **_owned("StatefulSet", "db")},
        ("StatefulSet", "db", "mine-3"),
    ),
    "DaemonSet": ({"generateName": "x-", **_owned("DaemonSet", "x")},
                  ("DaemonSet", "x", "mine-$(BACKUP_NODE)")),
}  # fmt: skip


@pytest.mark.parametrize(("metadata", "expected"), LASTING.values(), ids=LASTING)
def test_the_annotation_takes_over_no_workload_with_a_name(
    asked: Json, pod: Json, metadata: Json, expected: tuple[str, str, str]
) -> None:
    assert _named(asked, pod, metadata) == expected


def test_the_annotation_goes_before_all_of_it(asked: Json, pod: Json) -> None:
    pod["metadata"]["annotations"]["backup.name"] = "mine"

    for metadata, claim in OWN.values():
        assert _host(asked, pod, metadata, claim).startswith("mine")
