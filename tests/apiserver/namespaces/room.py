"""LimitRanges and ResourceQuotas of every kind that may refuse a sidecar."""

from typing import Any

Json = dict[str, Any]


def limit_range(**item: Any) -> Json:  # noqa: ANN401 -- any JSON
    """Return a LimitRange of one item; of containers unless it says otherwise."""
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "limits"},
        "spec": {"limits": [{"type": "Container", **item}]},
    }


def quota(hard: Json, **spec: Any) -> Json:  # noqa: ANN401 -- any JSON
    """Return a ResourceQuota."""
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "quota"},
        "spec": {"hard": hard, **spec},
    }


OBJECTS: dict[str, Json] = {
    "limits-min": limit_range(min={"cpu": "50m", "memory": "64Mi"}),
    "limits-max": limit_range(
        max={"cpu": "2", "memory": "200Mi"}, default={"cpu": "100m", "memory": "100Mi"}
    ),
    "limits-max-too-small": limit_range(max={"memory": "32Mi"}),
    "limits-ratio": limit_range(
        maxLimitRequestRatio={"cpu": "2", "memory": "2"},
        default={"cpu": "100m", "memory": "128Mi"}, defaultRequest={"cpu": "50m", "memory": "64Mi"},
    ),
    "limits-defaults": limit_range(
        default={"cpu": "1", "memory": "512Mi", "ephemeral-storage": "2Gi"},
        defaultRequest={"cpu": "10m", "memory": "64Mi", "ephemeral-storage": "10Mi"},
    ),
    "limits-scratch": limit_range(
        min={"ephemeral-storage": "10Mi"}, max={"ephemeral-storage": "500Mi"}
    ),
    "limits-pod": limit_range(type="Pod", max={"memory": "1Gi", "cpu": "4"}),
    "limits-pod-ratio": limit_range(type="Pod", maxLimitRequestRatio={"memory": "4"}),
    "quota-limits": quota({"limits.cpu": "8", "limits.memory": "8Gi"}),
    "quota-requests": quota({"requests.cpu": "1", "requests.memory": "1Gi"}),
    "quota-full": quota({"requests.memory": "200Mi"}),
    "quota-scratch": quota(
        {"limits.ephemeral-storage": "1Gi", "requests.ephemeral-storage": "1Gi"}
    ),
    "quota-not-best-effort": quota({"pods": "10", "limits.cpu": "8"}, scopes=["NotBestEffort"]),
    "quota-best-effort": quota({"pods": "0"}, scopes=["BestEffort"]),
    "quota-no-burstable": quota({"pods": "0"}, scopes=["NotBestEffort"]),
    "quota-terminating": quota({"limits.memory": "600Mi"}, scopes=["Terminating"]),
    "quota-not-terminating": quota({"limits.cpu": "1"}, scopes=["NotTerminating"]),
    "quota-priority": quota(
        {"requests.memory": "100Mi"},
        scopeSelector={"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": "In", "values": ["system-node-critical"]}
        ]},
    ),
}  # fmt: skip
NOTHING_FITS = {"limits-max-too-small", "quota-no-burstable"}
