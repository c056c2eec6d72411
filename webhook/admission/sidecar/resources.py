"""Resources of our containers: small, and never more than their namespace allows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from contract.annotations import quantity, settings, values
from contract.annotations.settings import Settings
from webhook.admission import pod_spec
from webhook.admission.model import NamespaceContext
from webhook.admission.pod_spec import Pod
from webhook.admission.policies import limit_range, pod_resources, resource_quota
from webhook.admission.policies.pod_resources import Budget

_CPU = "200m"  # where a limit must be given; at 1m, opening a repository takes over a minute
_USUAL = {
    "cpu": quantity.parse(_CPU),
    "memory": quantity.parse(settings.MEMORY_LIMIT.default),
    "ephemeral-storage": quantity.parse(values.SCRATCH_BOUND),
}
_NONE = quantity.parse("0")
_FLOORS = {name: quantity.parse(text) for name, text in values.FLOORS.items()}

Json = dict[str, Any]


class NoRoomError(Exception):
    """The minimum resources for backups would be refused; the message names the policy."""


@dataclass(frozen=True, slots=True)
class Resources:
    """A container's ``resources``, and what is to be known of them."""

    value: Json
    warnings: tuple[str, ...]


def choose(pod: Pod, given: Settings, around: NamespaceContext) -> Resources:
    """Return the resources of the sidecar; raise NoRoomError."""
    wanted = _wanted(pod, given)
    problem = ""
    for candidate in _candidates(pod, wanted.value, around):
        problem = _refusal(pod, {"resources": candidate}, around)
        if not problem:
            return replace(wanted, value=candidate)
    raise NoRoomError(problem)


def of_restorer(pod: Pod, given: Settings, needs: Json, around: NamespaceContext) -> Json:
    """Return the resources of what fills the volumes, beside a sidecar that got ``needs``.

    It runs before the app: where limits are requests, it takes the app's cores too. The pod asks
    for no more by that: an init container counts only above the sum of all that run later.
    """
    named = given.get(settings.CPU_LIMIT) or pod_spec.has_resources(pod)
    if named or around.limits or not pod_spec.is_guaranteed(pod):
        return needs
    app = [pod_resources.of_container(each) for each in pod_spec.spec(pod)["containers"]]
    cores = sum((each.limits["cpu"] for each in app), quantity.parse(needs["limits"]["cpu"]))
    return {kind: {**most, "cpu": pod_resources.text("cpu", cores)} for kind, most in needs.items()}


def _candidates(pod: Pod, wanted: Json, around: NamespaceContext) -> Iterator[Json]:
    """Yield the resources that the container might get, the best first."""
    if pod_spec.has_resources(pod):
        little = _beside(pod, wanted, around, every=True)
        # The pod's own budget holds for all its containers, but only for what it names.
        if "memory" in (pod_spec.spec(pod)["resources"].get("limits") or {}):
            yield {} if not _requests_in_full(little) else little
        yield little
        yield _beside(pod, wanted, around, every=False)
    elif around.limits or around.quotas:
        yield _fitted(pod, wanted, around) or wanted
    else:
        yield wanted


def _beside(pod: Pod, wanted: Json, around: NamespaceContext, *, every: bool) -> Json:
    """Return resources that take nothing from pod-level resources.

    ``every``: request all that is limited, not CPU and memory alone.
    """
    own = pod_resources.of_own(pod)
    app = [
        limit_range.defaulted(pod_resources.of_container(container), around.limits)
        for container in pod_spec.containers(pod)
    ]
    ours = pod_resources.of_container({"resources": wanted})
    limited = limit_range.defaulted(ours, around.limits).limits
    given = Budget({}, {})
    for name in dict.fromkeys(("cpu", "memory", *limited)):
        requested = any(name in each.requests for each in app)
        if name in own.limits and name not in own.requests and not requested:
            # The pod's own limit becomes its request only where no container has a request: a
            # request of ours, even of 0 or by a limit, would replace it by the sum.
            continue
        bounds = [] if name not in limited else [limited[name], *_left(name, own, app)]
        full = name not in own.limits and name not in own.requests and _all_in_full(name, app)
        if full and name not in ours.limits and name in _USUAL:
            bounds.append(_USUAL[name])
        if bounds:
            given.limits[name] = min(bounds)
        if every or name in ("cpu", "memory"):
            if full:
                given.requests[name] = given.limits[name]
            elif bounds or requested:
                given.requests[name] = _NONE
    return pod_resources.written(given)


def _left(name: str, own: Budget, app: list[Budget]) -> Iterator[Decimal]:
    """Yield what the pod-level limit, or else the pod-level request, leaves of a resource.

    The API server limits a pod to what it requests, or to the sum of limits if that is more: one
    that requests its whole limit would no longer do so.
    """
    if name in own.limits:
        yield own.limits[name]
    elif name in own.requests and all(name in each.limits for each in app):
        total = sum((each.limits[name] for each in app), _NONE)
        if total <= own.requests[name]:
            yield own.requests[name] - total


def _all_in_full(name: str, app: list[Budget]) -> bool:
    """Whether each container requests exactly its limit."""
    return all(name in each.limits and each.requests[name] == each.limits[name] for each in app)


def _requests_in_full(resources: Json) -> bool:
    asked = pod_resources.of_container({"resources": resources})
    return any(value and value == asked.limits.get(name) for name, value in asked.requests.items())


def _fitted(pod: Pod, wanted: Json, around: NamespaceContext) -> Json | None:
    """Return ``wanted``, or other resources if those would be refused."""
    asked = pod_resources.of_container({"resources": wanted})
    changed = asked.copy()
    known = limit_range.defaulted(changed, around.limits).limits
    # Judged with a sidecar in the pod, whose class may differ from what it is without.
    resulting = with_container(pod, {"resources": wanted})
    for name in sorted(resource_quota.required(resulting, around.quotas) - known.keys()):
        changed.limits[name] = _USUAL[name]
    guaranteed = pod_spec.is_guaranteed(pod)
    changed = limit_range.fitted(changed, around.limits, _USUAL, equal=guaranteed)
    return None if _same(changed, asked) else pod_resources.written(changed)


def _same(one: Budget, other: Budget) -> bool:
    return one.limits == other.limits and one.requests == other.requests


def with_container(pod: Pod, container: Json) -> Pod:
    """Return ``pod`` with one more sidecar; it shares everything else."""
    spec = pod_spec.spec(pod)
    sidecar = {"restartPolicy": "Always", **container}
    return {
        **pod,
        "spec": {**spec, "initContainers": [*(spec.get("initContainers") or []), sidecar]},
    }


def _refusal(pod: Pod, container: Json, around: NamespaceContext) -> str:
    """Return why the API server would refuse ``pod`` with ``container``; empty if it would not."""
    if not around.limits and not around.quotas and not pod_spec.has_resources(pod):
        return ""
    given = limit_range.defaulted(pod_resources.of_container(container), around.limits)
    for name, floor in _FLOORS.items():
        if given.limits.get(name, floor) < floor:
            least = pod_resources.text(name, floor)
            return f"backups need {least} of {name}, but the namespace or the pod leaves less"
    judged = with_container(pod, {"resources": pod_resources.written(given)})
    return (
        pod_resources.excess(judged)
        or limit_range.refusal(judged, container, around.limits)
        or resource_quota.refusal(judged, around.quotas)
    )


def _wanted(pod: Pod, given: Settings) -> Resources:
    cpu, memory = given.get(settings.CPU_LIMIT), given[settings.MEMORY_LIMIT]
    most: Json = {"memory": memory}
    if pod_spec.is_guaranteed(pod):
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
    if pod_spec.limits_ephemeral_storage(pod):
        most["ephemeral-storage"], requests["ephemeral-storage"] = values.SCRATCH_BOUND, "0"
    return Resources({"limits": most, "requests": requests}, tuple(warnings))
