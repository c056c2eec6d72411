"""Which workload a pod belongs to, through all its revisions: owner references and labels. Pure.

Controllers put versions, hashes and numbers into the names of what they create on the way to a
pod. Backups are of what a person named; a rule for each kind of controller says which that is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


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
    ``part`` is a label that tells apart pods of one owner that differ in their templates.
    """

    kind: str
    owner: str
    label: str = ""
    form: str = ".*"
    part: str = ""


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
    # Tekton, KubeRay and Spark: an object for each run.
    _Rule("TaskRun", "Pipeline", "tekton.dev/pipeline", part="tekton.dev/pipelineTask"),
    _Rule("TaskRun", "Task", "tekton.dev/task"),
    _Rule("RayCluster", "RayService", "ray.io/originated-from-cr-name", r"({})-raycluster-.+",
          "ray.io/group"),
    _Rule("SparkApplication", "ScheduledSparkApplication", form=r"(.+)-\d{{10,}}",
          part="spark-role"),
)  # fmt: skip


def workload(metadata: Json) -> Workload | None:
    """Return the workload that a pod with this metadata belongs to; None where nothing owns it."""
    owners = metadata.get("ownerReferences") or []
    controller = next((each for each in owners if each.get("controller")), None)
    if controller is None:
        return None
    found = Workload(str(controller["kind"]), str(controller["name"]))
    # Labels go before annotations; OpenShift writes an annotation, all others labels.
    marks = {**(metadata.get("annotations") or {}), **(metadata.get("labels") or {})}
    while above := _above(found, marks):
        found = above
    return found


def _above(found: Workload, marks: Json) -> Workload | None:
    """Return the owner of a controller; None if it is the top-level workload itself."""
    return next(filter(None, (_applied(rule, found, marks) for rule in _RULES)), None)


def _applied(rule: _Rule, found: Workload, marks: Json) -> Workload | None:
    value = str(marks.get(rule.label) or "")
    if rule.kind != found.kind or (rule.label and not value):
        return None
    match = re.fullmatch(rule.form.format(re.escape(value)), found.name, re.DOTALL)
    if match is None:
        return None
    name = match[1] if match.re.groups else value
    part = str(marks.get(rule.part) or "") if rule.part else ""
    return Workload(rule.owner, f"{name}-{part}" if part else name)


def names_its_pods(metadata: Json) -> bool:
    """Whether a controller gave a pod its name, rather than the API server or at random."""
    name, generated = metadata.get("name"), metadata.get("generateName")
    return bool(name) and not (generated and str(name).startswith(str(generated)))
