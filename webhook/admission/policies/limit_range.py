"""How LimitRanges change a container's resources, and whether they then accept it.

Source: the limitranger plugin of Kubernetes 1.37. It runs again after every webhook, so that our
container gets its defaults and is judged like the app's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from webhook.admission.pod_spec import Pod
from webhook.admission.policies import pod_resources
from webhook.admission.policies.pod_resources import Amounts, Budget

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Limit:
    """One item of a LimitRange, for each container or (``of_pod``) for a pod's sum."""

    of_pod: bool
    minimum: Amounts
    maximum: Amounts
    default: Amounts
    default_request: Amounts
    ratio: Amounts


def read(limit_range: Json) -> tuple[Limit, ...]:
    """Return the items of a v1 LimitRange that concern pods; raise ValueError."""
    return tuple(
        Limit(
            item["type"] == "Pod",
            *(
                pod_resources.amounts(item.get(key))
                for key in ("min", "max", "default", "defaultRequest", "maxLimitRequestRatio")
            ),
        )
        for item in (limit_range.get("spec") or {}).get("limits") or []
        if item.get("type") in {"Pod", "Container"}
    )


def defaulted(wanted: Budget, limits: Iterable[Limit]) -> Budget:
    """Return ``wanted`` with the defaults of LimitRanges."""
    given = wanted.copy()
    for limit in limits:
        for name, value in limit.default.items():
            given.limits.setdefault(name, value)
        for name, value in limit.default_request.items():
            given.requests.setdefault(name, value)
    return given


def fitted(wanted: Budget, limits: tuple[Limit, ...], usual: Amounts, *, equal: bool) -> Budget:
    """Return a container's budget that ``limits`` let in, as near to ``wanted`` as can be.

    ``usual`` are the limits to set where one must be given; ``equal``: requests stay what limits
    are. What no budget can meet is left to `refusal`.
    """
    found = wanted.copy()
    for limit in limits:
        if not limit.of_pod:
            _raise(found, limit, usual)
            _lower(found, limit, limits)
            _narrow(found, limit, limits, usual)
    if equal:
        found.requests.update(found.limits)
    return found


def _raise(found: Budget, limit: Limit, usual: Amounts) -> None:
    for name, least in limit.minimum.items():
        found.requests[name] = max(found.requests.get(name, least), least)
        if name in found.limits:
            found.limits[name] = max(found.limits[name], found.requests[name])
        elif name in limit.default and limit.default[name] < found.requests[name]:
            found.limits[name] = max(usual.get(name, least), found.requests[name])


def _lower(found: Budget, limit: Limit, limits: Iterable[Limit]) -> None:
    for name, most in limit.maximum.items():
        current = defaulted(found, limits)
        found.limits[name] = min(current.limits.get(name, most), most)
        found.requests[name] = min(current.requests.get(name, most), found.limits[name])


def _narrow(found: Budget, limit: Limit, limits: Iterable[Limit], usual: Amounts) -> None:
    for name, ratio in limit.ratio.items():
        current = defaulted(found, limits)
        most = current.limits.get(name) or usual.get(name)
        if most is None or not ratio:
            continue  # nothing of ours to give: `refusal` will say so
        found.limits[name] = most
        found.requests[name] = min(most, max(current.requests.get(name, Decimal(0)), most / ratio))


def refusal(pod: Pod, container: Json, limits: tuple[Limit, ...]) -> str:
    """Return why LimitRanges refuse ``pod`` with ``container`` in it; empty if they do not."""
    own = defaulted(pod_resources.of_container(container), limits)
    whole = (
        pod_resources.of_pod(pod, overhead=False) if any(each.of_pod for each in limits) else own
    )
    for limit in limits:
        what, judged = ("pod", whole) if limit.of_pod else ("container", own)
        if reason := _refused(judged, limit):
            return f"a LimitRange's {reason} per {what}"
    return ""


def _refused(judged: Budget, limit: Limit) -> str:
    requests, limits = judged.requests, judged.limits
    for name, least in limit.minimum.items():
        if requests.get(name, -1) < least or limits.get(name, least) < least:
            return f"minimum {name} {pod_resources.text(name, least)}"
    for name, most in limit.maximum.items():
        if limits.get(name, most + 1) > most or requests.get(name, most) > most:
            return f"maximum {name} {pod_resources.text(name, most)}"
    for name, ratio in limit.ratio.items():
        request, granted = requests.get(name), limits.get(name)
        if not request or not granted or granted / request > ratio:
            return f"maxLimitRequestRatio {name} {ratio}"
    return ""
