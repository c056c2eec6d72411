"""A pod's requests and limits, summed as the API server does, in cores and bytes.

Source: limitranger and quota of Kubernetes 1.37, and its component-helpers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from contract.annotations import quantity
from webhook.admission import pod_spec
from webhook.admission.pod_spec import Pod

Amounts = Mapping[str, Decimal]
_OF_POD = ("cpu", "memory")  # what a pod's own resources say counts instead of the sum


@dataclass(frozen=True, slots=True)
class Budget:
    """Requests and limits by resource name."""

    requests: dict[str, Decimal]
    limits: dict[str, Decimal]

    def copy(self) -> "Budget":
        """Return one that can be changed apart."""
        return Budget(dict(self.requests), dict(self.limits))


def amounts(raw: object) -> dict[str, Decimal]:
    """Read a mapping of quantities, which may be null; raise ValueError."""
    items = raw.items() if isinstance(raw, Mapping) else ()
    return {str(name): quantity.parse(str(text)) for name, text in items}


def written(budget: Budget) -> dict[str, dict[str, str]]:
    """Return the budget as a container's ``resources``, in whole bytes and millicores."""
    return {
        kind: {name: text(name, value) for name, value in values.items()}
        for kind, values in (("limits", budget.limits), ("requests", budget.requests))
        if values
    }


def text(resource: str, value: Decimal) -> str:
    """Write an amount, rounded up to what its resource is counted in."""
    if resource == "cpu":
        return f"{int((value * 1000).to_integral_value(ROUND_CEILING))}m"
    whole = int(value.to_integral_value(ROUND_CEILING))
    for unit, size in (("Gi", 1024**3), ("Mi", 1024**2)):
        if whole and whole % size == 0:
            return f"{whole // size}{unit}"
    return str(whole)


def of_container(container: Mapping[str, Any]) -> Budget:
    """Return a container's budget; what has only a limit requests as much."""
    resources = container.get("resources") or {}
    limits = amounts(resources.get("limits"))
    return Budget({**limits, **amounts(resources.get("requests"))}, limits)


def of_own(pod: Pod) -> Budget:
    """Return the pod-level ``resources``, for all containers together."""
    own = pod_spec.spec(pod).get("resources") or {}
    return Budget(amounts(own.get("requests")), amounts(own.get("limits")))


def of_pod(pod: Pod, *, overhead: bool) -> Budget:
    """Return what the whole pod takes, with its ``overhead`` where that counts (quotas)."""
    spec = pod_spec.spec(pod)
    app = [of_container(container) for container in spec.get("containers") or []]
    init = [
        (of_container(container), container.get("restartPolicy") == "Always")
        for container in spec.get("initContainers") or []
    ]
    total = Budget(
        _sum([b.requests for b in app], [(b.requests, on) for b, on in init]),
        _sum([b.limits for b in app], [(b.limits, on) for b, on in init]),
    )
    if pod_spec.has_resources(pod):
        _replace(total, spec["resources"], [*app, *(b for b, _ in init)])
    if overhead:
        added = amounts(spec.get("overhead"))
        _add(total.requests, added)
        _add(total.limits, {name: v for name, v in added.items() if total.limits.get(name)})
    return total


def _replace(total: Budget, own: Mapping[str, Any], containers: list[Budget]) -> None:
    """Replace the sum by the pod-level resources, which the API server completes from the sum."""
    requests, limits = amounts(own.get("requests")), amounts(own.get("limits"))
    for name in _OF_POD:
        request = requests.get(name, total.requests.get(name, limits.get(name)))
        if request is not None:
            total.requests[name] = request
        if name in limits:
            total.limits[name] = limits[name]
        elif all(name in each.limits for each in containers):
            total.limits[name] = max(total.limits[name], total.requests[name])
        else:
            total.limits.pop(name, None)


def excess(pod: Pod) -> str:
    """Return what of the pod's own budget its containers exceed together; empty if nothing."""
    spec = pod_spec.spec(pod)
    own = spec.get("resources") or {}
    wanted = of_pod({"spec": {**spec, "resources": None}}, overhead=False).requests
    # Where the pod does not say, the API server takes the sum for what it requests.
    most = {**amounts(own.get("limits")), **amounts(own.get("requests"))}
    for name in _OF_POD:
        if name in most and wanted.get(name, 0) > most[name]:
            return f"the pod's own {name} of {text(name, most[name])}"
    return ""


def _sum(
    app: list[dict[str, Decimal]], init: list[tuple[dict[str, Decimal], bool]]
) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for each in app:
        _add(total, each)
    running: dict[str, Decimal] = {}  # sidecars so far, beside which an init container runs
    peak: dict[str, Decimal] = {}
    for each, stays in init:
        if stays:
            _add(total, each)
            _add(running, each)
        beside = dict(running)
        if not stays:
            _add(beside, each)
        _raise_to(peak, beside)
    _raise_to(total, peak)
    return total


def _add(total: dict[str, Decimal], more: Amounts) -> None:
    for name, value in more.items():
        total[name] = total.get(name, Decimal(0)) + value


def _raise_to(total: dict[str, Decimal], other: Amounts) -> None:
    for name, value in other.items():
        total[name] = max(total.get(name, value), value)


def is_best_effort(pod: Pod) -> bool:
    """Whether nothing of the pod asks for CPU or memory."""
    spec = pod_spec.spec(pod)
    if pod_spec.has_resources(pod):
        return not _asks(spec["resources"])
    return not any(
        _asks(container.get("resources") or {}) for container in pod_spec.containers(pod)
    )


def _asks(resources: Mapping[str, Any]) -> bool:
    return any(
        value
        for kind in ("requests", "limits")
        for name, value in amounts(resources.get(kind)).items()
        if name in _OF_POD
    )
