"""Training and batch work: templates of pods below several roles of one object.

Shapes: Ray's heads and workers, JobSets, Spark applications, PyTorch jobs, leader-worker sets,
workflows, Kubernetes' own Jobs; GPUs, shared memory, tolerations, completions by index.
"""

from collections.abc import Iterator

from tests.webhook.manifests.collections.parts import (
    MEMORY,
    WISHES,
    App,
    Json,
    Written,
    claimed,
    container,
    every,
    mount,
    template,
    workload,
)

_APP = App("trainer", "example.com/trainer:1", "/checkpoints")
_KINDS = ("Job", "CronJob", "RayCluster", "JobSet", "PyTorchJob", "LeaderWorkerSet", "Workflow",
          "SparkApplication")  # fmt: skip
_GPU: Json = {"limits": {"nvidia.com/gpu": 1, "memory": "32Gi"}}


def files() -> Iterator[Written]:
    """Yield each kind and way to ask, with and without a GPU and a rule about exit codes."""
    for kind, wish, gpu, rules in every(_KINDS, WISHES, (False, True), (False, True)):
        spec: Json = {
            "restartPolicy": "Never",
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}] if gpu else None,
            "containers": [container(_APP, mount("checkpoints", _APP.path),
                                     mount("shm", MEMORY), resources=_GPU if gpu else None)],
            "volumes": [claimed("checkpoints", "checkpoints"),
                        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}}],
        }  # fmt: skip
        pods = template(_APP, wish, spec)
        yield Written(kind, [_made(kind, pods, rules=rules)], "plain")


def _made(kind: str, pods: Json, *, rules: bool) -> Json:
    failure: Json | None = {"rules": [{"action": "FailJob", "onExitCodes": {
        "operator": "In", "values": [42]}}]} if rules else None  # fmt: skip
    if kind == "Job":
        return workload(kind, _APP, pods, podFailurePolicy=failure, completions=4, parallelism=2,
                        completionMode="Indexed")  # fmt: skip
    if kind == "CronJob":
        made = workload(kind, _APP, pods)
        if failure:
            made["spec"]["jobTemplate"]["spec"]["podFailurePolicy"] = failure
        return made
    version, spec = _CUSTOM[kind](pods)
    if rules:
        spec = {**spec, "suspend": True}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "training"}, "spec": spec}


def _ray(pods: Json) -> tuple[str, Json]:
    worker = {"groupName": "small", "replicas": 2, "template": pods}
    return "ray.io/v1", {"headGroupSpec": {"template": pods}, "workerGroupSpecs": [worker]}


def _job_set(pods: Json) -> tuple[str, Json]:
    job = {"name": "workers", "template": {"spec": {"template": pods}}}
    return "jobset.x-k8s.io/v1alpha2", {"replicatedJobs": [job]}


def _torch(pods: Json) -> tuple[str, Json]:
    roles = {role: {"replicas": 1, "template": pods} for role in ("Master", "Worker")}
    return "kubeflow.org/v1", {"pytorchReplicaSpecs": roles}


def _leader_worker(pods: Json) -> tuple[str, Json]:
    both = {"leaderTemplate": pods, "workerTemplate": pods, "size": 4}
    return "leaderworkerset.x-k8s.io/v1", {"leaderWorkerTemplate": both}


def _workflow(pods: Json) -> tuple[str, Json]:
    (only,) = pods["spec"]["containers"]
    step = {"name": "main", "container": only, "metadata": pods["metadata"]}
    spec = {"entrypoint": "main", "templates": [step], "volumes": pods["spec"]["volumes"]}
    return "argoproj.io/v1alpha1", spec


def _spark(pods: Json) -> tuple[str, Json]:
    return "sparkoperator.k8s.io/v1beta2", {"driver": {"template": pods}, "type": "Python"}


_CUSTOM = {
    "RayCluster": _ray, "JobSet": _job_set, "PyTorchJob": _torch, "Workflow": _workflow,
    "LeaderWorkerSet": _leader_worker, "SparkApplication": _spark,
}  # fmt: skip
