"""Whether ResourceQuotas accept a pod. Source: the quota plugin of Kubernetes 1.37."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from webhook.admission import pod_spec
from webhook.admission.pod_spec import Pod
from webhook.admission.policies import pod_resources
from webhook.admission.policies.pod_resources import Amounts, Budget

Json = Mapping[str, Any]

# Resource of a quota: where the pod's budget holds it. Other names count objects.
_COUNTED = {
    **{name: ("requests", name) for name in ("cpu", "memory", "ephemeral-storage")},
    **{
        f"{kind}.{name}": (kind, name)
        for kind in ("requests", "limits")
        for name in ("cpu", "memory", "ephemeral-storage")
    },
}
_REQUIRED = {name for name, (_, resource) in _COUNTED.items() if resource in {"cpu", "memory"}}
_PODS = {"pods", "count/pods"}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which pods a quota counts: ``name`` with an operator, such as PriorityClass In values."""

    name: str
    operator: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Quota:
    """A v1 ResourceQuota: what it allows and what is used, according to its status."""

    name: str
    hard: Amounts
    used: Amounts
    scopes: tuple[Scope, ...]


def read(raw: Json) -> Quota:
    """Return the quota in a v1 ResourceQuota; raise ValueError."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    selected = (spec.get("scopeSelector") or {}).get("matchExpressions") or []
    scopes = [Scope(str(name), "Exists", frozenset()) for name in spec.get("scopes") or []]
    scopes += [
        Scope(each["scopeName"], each["operator"], frozenset(each.get("values") or []))
        for each in selected
    ]
    # The status is what admission judges by; until it is there, what the quota wants.
    hard = pod_resources.amounts(status.get("hard") or spec.get("hard"))
    concerns = {name: v for name, v in hard.items() if name in _COUNTED or name in _PODS}
    return Quota(
        raw["metadata"]["name"], concerns, pod_resources.amounts(status.get("used")), tuple(scopes)
    )


def required(pod: Pod, quotas: Iterable[Quota]) -> frozenset[str]:
    """Return the limits (``cpu``, ``memory``) that every container of ``pod`` must have."""
    return frozenset(
        name.removeprefix("limits.")
        for quota in quotas
        if _matches(quota, pod)
        for name in quota.hard
        if name in _REQUIRED and name.startswith("limits.")
    )


def refusal(pod: Pod, quotas: Iterable[Quota]) -> str:
    """Return why a quota refuses ``pod``; empty where none does."""
    total: Budget | None = None
    for quota in quotas:
        if not quota.hard or not _matches(quota, pod):
            continue
        if missing := _missing(quota, pod):
            return f"quota {quota.name} requires every container to set {missing}"
        total = total or pod_resources.of_pod(pod, overhead=True)
        if exceeded := _exceeded(quota, total):
            return f"quota {quota.name} has not enough left of {exceeded}"
    return ""


def _missing(quota: Quota, pod: Pod) -> str:
    if pod_spec.has_resources(pod):
        return ""
    for name in sorted(_REQUIRED & quota.hard.keys()):
        kind, resource = _COUNTED[name]
        for container in pod_spec.containers(pod):
            if resource not in getattr(pod_resources.of_container(container), kind):
                return name
    return ""


def _exceeded(quota: Quota, total: Budget) -> str:
    for name, most in quota.hard.items():
        if name in _PODS:
            wanted = Decimal(1)
        else:
            kind, resource = _COUNTED[name]
            wanted = getattr(total, kind).get(resource, Decimal(0))
        if wanted and quota.used.get(name, Decimal(0)) + wanted > most:
            return name
    return ""


def _matches(quota: Quota, pod: Pod) -> bool:
    return all(_in_scope(scope, pod) for scope in quota.scopes)


def _in_scope(scope: Scope, pod: Pod) -> bool:
    spec = pod_spec.spec(pod)
    if scope.name == "PriorityClass":
        return _selected(scope, spec.get("priorityClassName") or "")
    terminating = spec.get("activeDeadlineSeconds") is not None
    if scope.name in {"Terminating", "NotTerminating"}:
        return terminating is (scope.name == "Terminating")
    if scope.name in {"BestEffort", "NotBestEffort"}:
        return pod_resources.is_best_effort(pod) is (scope.name == "BestEffort")
    # Scopes that are about nothing we add: whether they count this pod is unknown here, and a
    # quota that counts it too strictly costs a backup at most.
    return True


def _selected(scope: Scope, name: str) -> bool:
    match scope.operator:
        case "Exists":
            return bool(name)
        case "DoesNotExist":
            return not name
        case "In":
            return name in scope.values
        case _:
            return name not in scope.values
