"""Which workload a pod belongs to, through all revisions, as its controllers make it."""

import pytest

from contract.workloads import owners
from contract.workloads.owners import Workload
from tests.webhook.admitting import Json


def _made(
    kind: str, name: str, labels: dict[str, str] | None = None, annotations: Json | None = None
) -> Json:
    """Return a pod's metadata."""
    return {
        "labels": labels or {},
        "annotations": annotations or {},
        "ownerReferences": [
            {"kind": "Node", "name": "unrelated"},
            {"kind": kind, "name": name, "controller": True},
        ],
    }


_KNATIVE = "serving.knative.dev/"
_RAY = {"ray.io/originated-from-cr-name": "chat", "ray.io/group": "headgroup"}
REVISIONS: list[tuple[Workload, list[Json]]] = [
    (
        Workload("Deployment", "wiki"),
        [_made("ReplicaSet", f"wiki-{tag}", {"pod-template-hash": tag}) for tag in ("5f6", "7b")],
    ),
    (
        Workload("Rollout", "wiki"),
        [_made("ReplicaSet", f"wiki-{tag}", {"rollouts-pod-template-hash": tag})
         for tag in ("5f6", "7b9")],
    ),
    (Workload("CronJob", "nightly"), [_made("Job", f"nightly-{n}") for n in (29012340, 29012341)]),
    (
        Workload("DeploymentConfig", "mariadb"),
        [
            _made("ReplicationController", "mariadb-1", {"deploymentconfig": "mariadb"}),
            _made("ReplicationController", "mariadb-12",
                  annotations={"openshift.io/deployment-config.name": "mariadb"}),
        ],
    ),
    (
        Workload("Service", "hello"),
        [_made("ReplicaSet", f"hello-{n}-deployment-5f6",
               {"pod-template-hash": "5f6", f"{_KNATIVE}service": "hello",
                  f"{_KNATIVE}configuration": "hello"}) for n in ("00001", "00002", "named")],
    ),
    (
        Workload("Configuration", "hello"),
        [_made("ReplicaSet", "hello-00003-deployment-5f6",
               {"pod-template-hash": "5f6", f"{_KNATIVE}configuration": "hello"})],
    ),
    (
        Workload("Pipeline", "release.push"),
        [_made("TaskRun", f"release-run-{tag}-push",
               {"tekton.dev/pipeline": "release", "tekton.dev/pipelineTask": "push",
                  "tekton.dev/task": "push-image"}) for tag in ("a1", "b2")],
    ),
    (
        Workload("Task", "push-image"),
        [_made("TaskRun", f"run-{tag}", {"tekton.dev/task": "push-image"}) for tag in ("a", "b")],
    ),
    (
        Workload("RayService", "chat.headgroup"),
        [_made("RayCluster", f"chat-raycluster-{tag}", _RAY) for tag in ("abcde", "fghij")],
    ),
    (
        Workload("RayService", "chat.headgroup"),  # since KubeRay 1.4
        [_made("RayCluster", f"chat-{tag}", _RAY) for tag in ("abcde", "fghij")],
    ),
    (
        Workload("ScheduledSparkApplication", "etl.driver"),
        [_made("SparkApplication", f"etl-{n}", {"spark-role": "driver"})
         for n in (1764547200000000000, 1764633600000000000)],
    ),
    (
        Workload("ScheduledSparkApplication", "etl.executor"),  # which the driver's pod owns
        [_made("Pod", f"etl-{n}-driver",
               {"spark-role": "executor", "sparkoperator.k8s.io/app-name": f"etl-{n}"})
         for n in (1764547200000000000, 1764633600000000000)],
    ),
    (
        Workload("CronWorkflow", "etl.load-all"),
        [_made("Workflow", f"etl-{n}", {"workflows.argoproj.io/workflow": f"etl-{n}"})
         | {"name": f"etl-{n}-load-all-{pod}"}
         for n, pod in ((1764547200, 3914220458), (1764633600, 77))],
    ),
    (
        Workload("CronWorkflow", "etl"),  # POD_NAMES=v1 leaves the template out of the name
        [_made("Workflow", f"etl-{n}") | {"name": f"etl-{n}-3914220458"}
         for n in (1764547200, 1764633600)],
    ),
    (Workload("Job", "train-workers-0"),
     [_made("Job", "train-workers-0", {"jobset.sigs.k8s.io/jobset-name": "train",
                                       "jobset.sigs.k8s.io/replicatedjob-name": "workers",
                                       "kueue.x-k8s.io/queue-name": "gpu"})]),
    (Workload("StatefulSet", "lws-0"),
     [_made("StatefulSet", "lws-0", {"leaderworkerset.sigs.k8s.io/name": "lws",
                                     "leaderworkerset.sigs.k8s.io/group-index": "0"})]),
    (Workload("Cluster", "pg"), [_made("Cluster", "pg", {"cnpg.io/cluster": "pg"})]),
    (Workload("StatefulSet", "es-es-default"),
     [_made("StatefulSet", "es-es-default",
            {"elasticsearch.k8s.elastic.co/cluster-name": "es"})]),
    (Workload("StatefulSet", "acid-orders"),
     [_made("StatefulSet", "acid-orders", {"cluster-name": "acid-orders"})]),
    (Workload("CloneSet", "web"), [_made("CloneSet", "web")]),
    (Workload("StatefulSet", "db"), [_made("StatefulSet", "db")]),
    (Workload("StrimziPodSet", "kafka-broker"), [_made("StrimziPodSet", "kafka-broker")]),
]  # fmt: skip


@pytest.mark.parametrize(("workload", "revisions"), REVISIONS, ids=lambda each: str(each)[:40])
def test_all_revisions_belong_to_the_top_level_workload(
    workload: Workload, revisions: list[Json]
) -> None:
    assert {owners.workload(each) for each in revisions} == {workload}


# A label that its controller did not write moves no pod to another workload.
STRANGE: list[tuple[Json, Workload]] = [
    (_made("ReplicationController", "mariadb-1", {"deploymentconfig": "wiki"}),
     Workload("ReplicationController", "mariadb-1")),
    (_made("ReplicationController", "mariadb-x", {"deploymentconfig": "mariadb"}),
     Workload("ReplicationController", "mariadb-x")),
    (_made("ReplicationController", "mariadb-1"), Workload("ReplicationController", "mariadb-1")),
    (_made("ReplicaSet", "wiki-5f6", {"pod-template-hash": "7b9"}),
     Workload("ReplicaSet", "wiki-5f6")),
    (_made("ReplicaSet", "-5f6", {"pod-template-hash": "5f6"}), Workload("ReplicaSet", "-5f6")),
    (_made("ReplicaSet", "shop-5f6", {"pod-template-hash": "5f6", f"{_KNATIVE}service": "hello"}),
     Workload("Deployment", "shop")),
    (_made("ReplicaSet", "a.c-5f6", {"pod-template-hash": ".*"}),
     Workload("ReplicaSet", "a.c-5f6")),
    (_made("Pod", "etl-1764547200-driver", {"sparkoperator.k8s.io/app-name": "shop"}),
     Workload("Pod", "etl-1764547200-driver")),
    (_made("RayCluster", "shop-abcde", _RAY), Workload("RayCluster", "shop-abcde")),
    (_made("Workflow", "etl-7xk2p", {"workflows.argoproj.io/workflow": "shop",
                                     "workflows.argoproj.io/cron-workflow": "shop"}),
     Workload("Workflow", "etl-7xk2p")),
    (_made("Job", "nightly-29012340", {"jobset.sigs.k8s.io/jobset-name": "shop",
                                       "job-name": "shop", "batch.kubernetes.io/job-name": "x"}),
     Workload("CronJob", "nightly")),
    (_made("TaskRun", "run-a"), Workload("TaskRun", "run-a")),
    (_made("CloneSet", "web", {"apps.kruise.io/cloneset": "shop"}), Workload("CloneSet", "web")),
    (_made("Cluster", "pg", {"cnpg.io/cluster": "shop"}), Workload("Cluster", "pg")),
    (_made("StrimziPodSet", "kafka", {"strimzi.io/cluster": "shop"}),
     Workload("StrimziPodSet", "kafka")),
    (_made("Job", "nightly-2901234"), Workload("Job", "nightly-2901234")),
    (_made("StatefulSet", "db", {"deploymentconfig": "db", "pod-template-hash": "b"}),
     Workload("StatefulSet", "db")),
]  # fmt: skip


@pytest.mark.parametrize(("metadata", "workload"), STRANGE, ids=lambda each: str(each)[:60])
def test_a_label_alone_changes_no_owner(metadata: Json, workload: Workload) -> None:
    assert owners.workload(metadata) == workload


# Labels of all controllers, naming another workload, on a pod that nothing owns.
_FOREIGN = {
    "pod-template-hash": "5f6", "deploymentconfig": "shop", f"{_KNATIVE}service": "shop",
    "tekton.dev/pipeline": "shop", "tekton.dev/task": "shop", "spark-role": "driver",
    "ray.io/originated-from-cr-name": "shop", "sparkoperator.k8s.io/app-name": "shop",
    "workflows.argoproj.io/workflow": "shop", "jobset.sigs.k8s.io/jobset-name": "shop",
}  # fmt: skip


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"ownerReferences": None},
        {"labels": _FOREIGN, "name": "shop-1-a-2"},
        {"ownerReferences": [{"kind": "X", "name": "x"}]},
    ],
)
def test_a_pod_without_a_controller_has_no_owner(metadata: Json) -> None:
    assert owners.workload(metadata) is None


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"name": "db-0"}, True),
        ({"name": "db-0", "generateName": "db-"}, False),
        ({"name": "mine", "generateName": "db-"}, True),
        ({"name": "db-0", "generateName": None}, True),
        ({"generateName": "db-"}, False),
        ({"name": "", "generateName": ""}, False),
        ({}, False),
    ],
)
def test_the_controller_names_a_pod_unless_the_api_server_generated_its_name(
    metadata: Json, *, named: bool
) -> None:
    assert owners.names_its_pods(metadata) is named


def test_a_label_outranks_an_annotation() -> None:
    name = "openshift.io/deployment-config.name"
    metadata = _made("ReplicationController", "db-1", {name: "db"}, {name: "other"})

    assert owners.workload(metadata) == Workload("DeploymentConfig", "db")


def test_only_the_controller_counts_among_owners() -> None:
    other = {"kind": "StatefulSet", "name": "a", "controller": False}
    metadata = {"ownerReferences": [other, {"kind": "CloneSet", "name": "b", "controller": True}]}

    assert owners.workload(metadata) == Workload("CloneSet", "b")


# One digit or letter beside what a controller writes is somebody's own name.
NEAR = [
    ("Job", "nightly-290123401"), ("Job", "nightly29012340"), ("Job", "-29012340"),
    ("Workflow", "etl-176454720"), ("Workflow", "etl-17645472000"), ("Workflow", "-1764547200"),
    ("SparkApplication", "etl-123456789"), ("SparkApplication", "etl1234567890"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), NEAR)
def test_a_name_that_only_resembles_a_revision_is_its_own(kind: str, name: str) -> None:
    assert owners.workload(_made(kind, name, {"spark-role": "driver"})) == Workload(kind, name)
