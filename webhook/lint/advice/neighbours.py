"""What `lint` says of objects beside a pod: autoscalers, policies, rules, disruption budgets."""

from collections.abc import Iterator
from typing import Any

from contract import names
from contract.text import counted
from webhook.admission import pod_spec
from webhook.lint.findings import Finding, Severity, Subject
from webhook.lint.rules import Rule
from webhook.manifests import workloads
from webhook.manifests.documents import Document
from webhook.manifests.objects import Objects
from webhook.manifests.workloads import name_of

_RESIZING = {"Auto", "Recreate", "Initial", "InPlaceOrRecreate"}


def advise(subject: Subject, objects: Objects) -> Iterator[Finding]:
    """Yield what objects beside the pod do to its backups, or its sidecar to them."""
    yield from _scaled(subject, objects)
    yield from _resized(subject, objects)
    yield from _cut_off(subject, objects)
    yield from _failing(subject)
    yield from _guarded(subject, objects)


def _scaled(subject: Subject, objects: Objects) -> Iterator[Finding]:
    for each in objects.targeting(subject.workload, "HorizontalPodAutoscaler", "scaleTargetRef"):
        scaling = pod_spec.spec(each)
        resources = [
            metric["resource"]["name"]
            for metric in scaling.get("metrics") or []
            if metric.get("type") == "Resource"
            and ((metric["resource"].get("target") or {}).get("type") == "Utilization")
        ]
        if scaling.get("targetCPUUtilizationPercentage"):
            resources.append("cpu")
        if resources:
            yield Finding(
                Rule.AUTOSCALER, Severity.NOTE, "spec.metrics",
                f"HorizontalPodAutoscaler {name_of(each)} goes by the {' and '.join(resources)} of "
                "whole pods, sidecar and running backups included; write type: ContainerResource "
                "with the app's container",
            )  # fmt: skip


def _resized(subject: Subject, objects: Objects) -> Iterator[Finding]:
    for each in objects.targeting(subject.workload, "VerticalPodAutoscaler", "targetRef"):
        mode = (pod_spec.spec(each).get("updatePolicy") or {}).get("updateMode", "Auto")
        policies = (pod_spec.spec(each).get("resourcePolicy") or {}).get("containerPolicies") or []
        spared = any(
            (each.get("containerName"), each.get("mode")) == (names.CONTAINER, "Off")
            for each in policies
        )
        if mode in _RESIZING and not spared:
            yield Finding(
                Rule.VERTICAL_AUTOSCALER, Severity.NOTE, "spec.resourcePolicy.containerPolicies",
                f"VerticalPodAutoscaler {name_of(each)} may give the sidecar less than backups "
                f'need; write a policy with containerName: {names.CONTAINER} and mode: "Off"',
            )  # fmt: skip


def _cut_off(subject: Subject, objects: Objects) -> Iterator[Finding]:
    labels = pod_spec.metadata(subject.pod).get("labels") or {}
    limiting = [
        policy
        for policy in objects.within("NetworkPolicy", subject.namespace)
        if _limits_egress(policy) and _selects(pod_spec.spec(policy).get("podSelector"), labels)
    ]
    rules = [rule for each in limiting for rule in pod_spec.spec(each).get("egress") or []]
    if not limiting or any(not rule for rule in rules):  # an empty rule allows everything
        return
    named = ", ".join(sorted(map(name_of, limiting)))
    if rules:
        severity, what = Severity.NOTE, "allows only some egress"
    else:
        severity, what = Severity.WARNING, "allows no egress, so that no backup leaves the pod"
    yield Finding(
        Rule.EGRESS, severity, "spec.egress",
        f"NetworkPolicy {named} {what}: allow DNS, the repository and whoever gets messages and "
        "metrics",
    )  # fmt: skip


def _limits_egress(policy: Document) -> bool:
    spec = pod_spec.spec(policy)
    types = spec.get("policyTypes")
    return "Egress" in types if types else bool(spec.get("egress"))


def _failing(subject: Subject) -> Iterator[Finding]:
    job = subject.workload.item
    spec = pod_spec.spec(job)
    if subject.workload.kind == "CronJob":
        spec = pod_spec.spec(spec["jobTemplate"])
    rules = (spec.get("podFailurePolicy") or {}).get("rules") or []
    if any("onExitCodes" in rule and not rule["onExitCodes"].get("containerName")
           for rule in rules):  # fmt: skip
        yield Finding(
            Rule.FAILURE_POLICY, Severity.NOTE, "spec.podFailurePolicy.rules",
            "a rule of podFailurePolicy on exit codes has no containerName, so that it counts "
            "those of the sidecar too; write the app's container",
        )  # fmt: skip


def _guarded(subject: Subject, objects: Objects) -> Iterator[Finding]:
    labels = pod_spec.metadata(subject.pod).get("labels") or {}
    count = workloads.at(subject.workload.item, ("spec", "replicas"))
    pods = count if isinstance(count, int) else 1
    for each in objects.within("PodDisruptionBudget", subject.namespace):
        spec = pod_spec.spec(each)
        most, least = spec.get("maxUnavailable"), spec.get("minAvailable")
        none = str(most) in {"0", "0%"} or str(least) == "100%" or (
            isinstance(least, int) and least >= pods
        )  # fmt: skip
        if none and _selects(spec.get("selector"), labels):
            field = "maxUnavailable" if most is not None else "minAvailable"
            yield Finding(
                Rule.DISRUPTION_BUDGET, Severity.NOTE, f"spec.{field}",
                f"PodDisruptionBudget {name_of(each)} allows no eviction ({field} {spec[field]}, "
                f"{counted(pods, 'pod')}): `kubectl backup reinject` cannot replace a pod; allow "
                "one, or restart the workload yourself",
            )  # fmt: skip


def _selects(selector: Any, labels: dict[str, str]) -> bool:  # noqa: ANN401 -- any JSON
    """Whether a label selector selects these labels."""
    wanted = (selector or {}).get("matchLabels") or {}
    expressions = (selector or {}).get("matchExpressions") or []
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _meets(each, labels) for each in expressions
    )


def _meets(expression: Document, labels: dict[str, str]) -> bool:
    key, values = expression.get("key"), expression.get("values") or []
    match expression.get("operator"):
        case "In":
            return labels.get(str(key)) in values
        case "NotIn":
            return labels.get(str(key)) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
