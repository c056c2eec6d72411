"""A pod's requests and limits as the API server sums them, in cores and bytes.

Source: limitranger and quota of Kubernetes 1.37, and its component-helpers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from contract import quantity
from webhook import workload
from webhook.workload import Pod

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


def of_pod(pod: Pod, *, overhead: bool) -> Budget:
    """Return what the whole pod takes, with its ``overhead`` where that counts (quotas)."""
    spec = workload.spec(pod)
    app = [of_container(container) for container in spec.get("containers") or []]
    init = [
        (of_container(container), container.get("restartPolicy") == "Always")
        for container in spec.get("initContainers") or []
    ]
    own = spec.get("resources") or {}
    added = amounts(spec.get("overhead")) if overhead else {}
    return Budget(
        _sum(
            [b.requests for b in app], [(b.requests, on) for b, on in init], own, "requests", added
        ),
        _sum([b.limits for b in app], [(b.limits, on) for b, on in init], own, "limits", added),
    )


def _sum(
    app: list[dict[str, Decimal]], init: list[tuple[dict[str, Decimal], bool]],
    own: Mapping[str, Any], kind: str, overhead: Amounts,
) -> dict[str, Decimal]:  # fmt: skip
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
    total |= {name: v for name, v in amounts(own.get(kind)).items() if name in _OF_POD}
    if kind == "requests":
        _add(total, overhead)
    else:  # an overhead counts where there is a limit
        _add(total, {name: value for name, value in overhead.items() if total.get(name)})
    return total


def _add(total: dict[str, Decimal], more: Amounts) -> None:
    for name, value in more.items():
        total[name] = total.get(name, Decimal(0)) + value


def _raise_to(total: dict[str, Decimal], other: Amounts) -> None:
    for name, value in other.items():
        total[name] = max(total.get(name, value), value)


def is_best_effort(pod: Pod) -> bool:
    """Whether nothing of the pod asks for CPU or memory."""
    spec = workload.spec(pod)
    if workload.has_resources(pod):
        return not _asks(spec["resources"])
    return not any(
        _asks(container.get("resources") or {}) for container in workload.containers(pod)
    )


def _asks(resources: Mapping[str, Any]) -> bool:
    return any(
        value
        for kind in ("requests", "limits")
        for name, value in amounts(resources.get(kind)).items()
        if name in _OF_POD
    )
