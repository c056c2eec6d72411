"""Which workload a pod belongs to, through all its revisions: owner references and labels. Pure.

Controllers put versions, hashes and numbers into the names of what they create on the way to a
pod. Backups are of what a person named; a rule for each kind of controller says which that is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

PART = "."
"""Between a workload's name and the template of it; no template has a dot in its name."""
RUNS = frozenset(
    {"Pod", "Job", "ReplicaSet", "ReplicationController", "Workflow", "TaskRun",
     "SparkApplication", "RayCluster"}
)  # fmt: skip
"""Kinds whose objects are often created for each run or rollout, under another name."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What a pod belongs to, as a person named it; a pod without a controller is its own."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """What owns a controller of this ``kind``: one of kind ``owner``, named in ``label``.

    ``form`` is the controller's name as a regular expression, with ``{}`` for the label's value,
    and the owner's name in it as a group; without a group, the label's value is the name.
    ``part`` is a label that tells apart pods of one owner that differ in their templates; where
    there is none, ``pod`` finds the template in what follows the controller's name in the pod's.
    """

    kind: str
    owner: str
    label: str = ""
    form: str = ".*"
    part: str = ""
    pod: str = ""


# Of the first rule that fits; then once more, of the owner that it found.
_RULES = (
    _Rule("ReplicaSet", "Deployment", "pod-template-hash", r"(.+)-{}"),
    _Rule("ReplicaSet", "Rollout", "rollouts-pod-template-hash", r"(.+)-{}"),
    _Rule("Job", "CronJob", form=r"(.+)-\d{{8}}"),
    # OpenShift: a ReplicationController for each rollout.
    _Rule("ReplicationController", "DeploymentConfig", "openshift.io/deployment-config.name",
          r"({})-\d+"),
    _Rule("ReplicationController", "DeploymentConfig", "deploymentconfig", r"({})-\d+"),
    # Knative: a Deployment for each revision.
    _Rule("Deployment", "Service", "serving.knative.dev/service", r"({})-.+-deployment"),
    _Rule("Deployment", "Configuration", "serving.knative.dev/configuration",
          r"({})-.+-deployment"),
    # Tekton, KubeRay, Spark and Argo Workflows: an object for each run.
    _Rule("TaskRun", "Pipeline", "tekton.dev/pipeline", part="tekton.dev/pipelineTask"),
    _Rule("TaskRun", "Task", "tekton.dev/task"),
    _Rule("RayCluster", "RayService", "ray.io/originated-from-cr-name",
          r"({})(?:-raycluster)?-[a-z0-9]{{5}}", "ray.io/group"),
    # Spark's driver is what owns its executors.
    _Rule("Pod", "SparkApplication", "sparkoperator.k8s.io/app-name", r"({})-driver",
          "spark-role"),
    _Rule("SparkApplication", "ScheduledSparkApplication", form=r"(.+)-\d{{10,}}",
          part="spark-role"),
    _Rule("Workflow", "CronWorkflow", form=r"(.+)-\d{{10}}", pod=r"-(.+)-\d+"),
)  # fmt: skip


def workload(metadata: Json) -> Workload | None:
    """Return the workload that a pod with this metadata belongs to; None where nothing owns it."""
    found = controller(metadata)
    if found is None:
        return None
    # Labels go before annotations; OpenShift writes an annotation, all others labels.
    marks = {**(metadata.get("annotations") or {}), **(metadata.get("labels") or {})}
    part, pod = "", str(metadata.get("name") or "")
    while above := _above(found, marks, pod):
        found, part = Workload(above.kind, above.name), above.part or part
    return Workload(found.kind, f"{found.name}{PART}{part}") if part else found


def controller(metadata: Json) -> Workload | None:
    """Return what created a pod with this metadata; None where nothing owns it."""
    owners = metadata.get("ownerReferences") or []
    found = next((each for each in owners if each.get("controller")), None)
    return None if found is None else Workload(str(found["kind"]), str(found["name"]))


@dataclass(frozen=True, slots=True)
class _Above:
    """What owns a controller, and which of its templates the pod is of; "" for its only one."""

    kind: str
    name: str
    part: str


def _above(found: Workload, marks: Json, pod: str) -> _Above | None:
    """Return what owns a controller; None where it is itself what a person named."""
    return next(filter(None, (_applied(rule, found, marks, pod) for rule in _RULES)), None)


def _applied(rule: _Rule, found: Workload, marks: Json, pod: str) -> _Above | None:
    value = str(marks.get(rule.label) or "")
    if rule.kind != found.kind or (rule.label and not value):
        return None
    match = re.fullmatch(rule.form.format(re.escape(value)), found.name, re.DOTALL)
    if match is None:
        return None
    part = str(marks.get(rule.part) or "") if rule.part else ""
    if rule.pod and (template := re.fullmatch(re.escape(found.name) + rule.pod, pod)):
        part = template[1]
    return _Above(rule.owner, match[1] if match.re.groups else value, part)


def names_its_pods(metadata: Json) -> bool:
    """Whether a controller gave a pod its name, rather than the API server or at random."""
    name, generated = metadata.get("name"), metadata.get("generateName")
    return bool(name) and not (generated and str(name).startswith(str(generated)))
