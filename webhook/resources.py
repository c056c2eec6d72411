"""What our containers request and may use: little, never more than their namespace allows."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from contract import quantity, settings, values
from contract.settings import Settings
from webhook import budget, limits, quotas, workload
from webhook.budget import Amounts, Budget
from webhook.inject import Surroundings
from webhook.workload import Pod

_CPU = "200m"  # where a limit must be given; at 1m, opening a repository takes over a minute
_USUAL = {
    "cpu": quantity.parse(_CPU),
    "memory": quantity.parse(settings.MEMORY_LIMIT.default),
    "ephemeral-storage": quantity.parse(values.SCRATCH_BOUND),
}
_NONE = quantity.parse("0")
_FLOORS = {
    "cpu": quantity.parse(values.CPU_FLOOR),
    "memory": quantity.parse(values.MEMORY_FLOOR),
}

Json = dict[str, Any]


class NoRoomError(Exception):
    """No resources with which backups work would be let in; the message says what refuses them."""


def choose(pod: Pod, given: Settings, around: Surroundings) -> tuple[Json, tuple[str, ...]]:
    """Return the container's ``resources`` and warnings; raise NoRoomError."""
    wanted, warnings = _wanted(pod, given)
    problem = ""
    for candidate in _candidates(pod, wanted, around):
        problem = _refusal(pod, {"resources": candidate}, around)
        if not problem:
            return candidate, warnings
    raise NoRoomError(problem)


def of_restorer(pod: Pod, given: Settings, needs: Json, around: Surroundings) -> Json:
    """Return the resources of what fills the volumes, beside a sidecar that got ``needs``.

    It runs before the app: where limits are requests, it takes the app's cores too. The pod asks
    for no more by that: an init container counts only above the sum of all that run later.
    """
    named = given.get(settings.CPU_LIMIT) or workload.has_resources(pod)
    if named or around.limits or not workload.is_guaranteed(pod):
        return needs
    app = [budget.of_container(each) for each in workload.spec(pod)["containers"]]
    cores = sum((each.limits["cpu"] for each in app), quantity.parse(needs["limits"]["cpu"]))
    return {kind: {**most, "cpu": budget.text("cpu", cores)} for kind, most in needs.items()}


def _candidates(pod: Pod, wanted: Json, around: Surroundings) -> Iterator[Json]:
    """Yield what the container might get, the best first."""
    if workload.has_resources(pod):
        little = _beside(pod, wanted, around, _USUAL)
        # The pod's own budget holds for all its containers, but only for what it names.
        if "memory" in (workload.spec(pod)["resources"].get("limits") or {}):
            yield {} if not _requests_in_full(little) else little
        yield little
        yield _beside(pod, wanted, around, {})
    elif around.limits or around.quotas:
        yield _fitted(pod, wanted, around) or wanted
    else:
        yield wanted


def _beside(pod: Pod, wanted: Json, around: Surroundings, little: Amounts) -> Json:
    """Return resources of which a pod with a budget of its own has not to give any.

    What ours has to request in full is ``little``, where that is less than its limit would be.
    """
    own = workload.spec(pod)["resources"]
    most, least = budget.amounts(own.get("limits")), budget.amounts(own.get("requests"))
    limited = limits.defaulted(budget.of_container({"resources": wanted}), around.limits).limits
    app, rest = _left(pod, around)
    requested = {name for each in app for name in each.requests}
    # Where nobody requests any, the pod's own limit becomes its request: with any of ours, even
    # of 0 or by a limit, the sum of requests does.
    unasked = most.keys() - least.keys() - requested
    capped = {
        name: min(limit, most.get(name, limit), rest.get(name, limit))
        for name, limit in limited.items()
        if name not in unasked
    }
    # What the pod leaves to its containers, and they request in full, ours does too.
    full = {
        name
        for name in {"cpu", "memory", *capped} - most.keys() - least.keys()
        if all(name in each.limits and each.requests[name] == each.limits[name] for each in app)
    }
    for name in full - (wanted.get("limits") or {}).keys():
        capped[name] = min(capped.get(name, _USUAL[name]), little.get(name, _USUAL[name]))
    asked = {"cpu", "memory", *(capped if little else ())}
    asked -= unasked | (asked - capped.keys() - requested)
    return budget.written(
        Budget({name: capped[name] if name in full else _NONE for name in asked}, capped)
    )


def _requests_in_full(resources: Json) -> bool:
    asked = budget.of_container({"resources": resources})
    return any(value and value == asked.limits.get(name) for name, value in asked.requests.items())


def _left(pod: Pod, around: Surroundings) -> tuple[list[Budget], Mapping[str, Decimal]]:
    """Return the app's budgets, and what they leave of the pod's own requests.

    The API server limits a pod to what it requests, or to the sum of limits if that is more: one
    that requests all that it may have would not any more.
    """
    spec = workload.spec(pod)
    app = [
        limits.defaulted(budget.of_container(container), around.limits)
        for container in workload.containers(pod)
    ]
    own = spec["resources"]
    most, least = budget.amounts(own.get("limits")), budget.amounts(own.get("requests"))
    rest = {}
    for name in least.keys() - most.keys():
        total = sum((each.limits.get(name, _NONE) for each in app), _NONE)
        if all(name in each.limits for each in app) and total <= least[name]:
            rest[name] = least[name] - total
    return app, rest


def _fitted(pod: Pod, wanted: Json, around: Surroundings) -> Json | None:
    """Return other resources than ``wanted`` where those would be refused."""
    asked = budget.of_container({"resources": wanted})
    changed = asked.copy()
    known = limits.defaulted(changed, around.limits).limits
    # Judged with a sidecar in the pod, whose class may differ from what it is without.
    resulting = with_container(pod, {"resources": wanted})
    for name in sorted(quotas.required(resulting, around.quotas) - known.keys()):
        changed.limits[name] = _USUAL[name]
    guaranteed = workload.is_guaranteed(pod)
    changed = limits.fitted(changed, around.limits, _USUAL, equal=guaranteed)
    return None if _same(changed, asked) else budget.written(changed)


def _same(one: Budget, other: Budget) -> bool:
    return one.limits == other.limits and one.requests == other.requests


def with_container(pod: Pod, container: Json) -> Pod:
    """Return ``pod`` with one more sidecar; it shares everything else."""
    spec = workload.spec(pod)
    sidecar = {"restartPolicy": "Always", **container}
    return {
        **pod,
        "spec": {**spec, "initContainers": [*(spec.get("initContainers") or []), sidecar]},
    }


def _refusal(pod: Pod, container: Json, around: Surroundings) -> str:
    """Return why the API server would refuse ``pod`` with ``container``; empty if it would not."""
    if not around.limits and not around.quotas and not workload.has_resources(pod):
        return ""
    given = limits.defaulted(budget.of_container(container), around.limits)
    for name, floor in _FLOORS.items():
        if given.limits.get(name, floor) < floor:
            least = budget.text(name, floor)
            return f"backups need {least} of {name}, the namespace or the pod leaves less"
    judged = with_container(pod, {"resources": budget.written(given)})
    return (
        budget.excess(judged)
        or limits.refusal(judged, container, around.limits)
        or quotas.refusal(judged, around.quotas)
    )


def _wanted(pod: Pod, given: Settings) -> tuple[Json, tuple[str, ...]]:
    cpu, memory = given.get(settings.CPU_LIMIT), given[settings.MEMORY_LIMIT]
    most: Json = {"memory": memory}
    if workload.is_guaranteed(pod):
        most["cpu"] = cpu or _CPU
        requests = dict(most)
    else:
        if cpu:
            most["cpu"] = cpu
        requests = {"cpu": given[settings.CPU_REQUEST], "memory": given[settings.MEMORY_REQUEST]}
    warnings = []
    for resource, limit in most.items():
        if quantity.parse(requests[resource]) > quantity.parse(limit):
            warnings.append(
                f"annotation backup.{resource}-request {requests[resource]!r}: more than the limit;"
                f" using {limit}"
            )
            requests[resource] = limit
    if workload.limits_ephemeral_storage(pod):
        most["ephemeral-storage"], requests["ephemeral-storage"] = values.SCRATCH_BOUND, "0"
    return {"limits": most, "requests": requests}, tuple(warnings)
