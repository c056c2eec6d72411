"""Pods that can only run on Windows get no sidecar; all others do, whatever they say of nodes."""

from typing import Any

import pytest

from tests.webhook.admitting import Json, answer_to

OS, BETA, BUILD = "kubernetes.io/os", "beta.kubernetes.io/os", "node.kubernetes.io/windows-build"


def _affinity(*terms: list[Json], preferred: bool = False) -> Json:
    found: Any = {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}
    if preferred:
        weighted = [{"weight": 1, "preference": each} for each in found["nodeSelectorTerms"]]
        return {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": weighted}}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": found}}


def _in(key: str, *values: str, operator: str = "In") -> Json:
    return {"key": key, "operator": operator, "values": list(values)}


_ZONE = _in("topology.kubernetes.io/zone", "a")
_OPTIONS = {"windowsOptions": {"runAsUserName": "ContainerUser"}}
WINDOWS: dict[str, Json] = {
    "os": {"os": {"name": "windows"}},
    "selector": {"nodeSelector": {OS: "windows"}},
    "beta selector": {"nodeSelector": {BETA: "windows", "disk": "fast"}},
    "build selector": {"nodeSelector": {BUILD: "10.0.20348"}},
    "affinity": {"affinity": _affinity([_in(OS, "windows")])},
    "beta affinity": {"affinity": _affinity([_ZONE, _in(BETA, "windows")])},
    "not linux": {"affinity": _affinity([_in(OS, "linux", operator="NotIn")])},
    "build": {"affinity": _affinity([{"key": BUILD, "operator": "Exists"}])},
    "each term": {"affinity": _affinity([_in(OS, "windows")], [_in(BETA, "windows"), _ZONE])},
    "empty term": {"affinity": _affinity([_in(OS, "windows")], [])},
    "newer build": {"affinity": _affinity([_in(BUILD, "17763", operator="Gt")])},
    "older build": {"affinity": _affinity([_in(BUILD, "20348", operator="Lt")])},
    "one build": {"affinity": _affinity([_in(BUILD, "10.0.20348")])},
    "not linux nor another": {"affinity": _affinity([_in(OS, "linux", "aix", operator="NotIn")])},
    "stated beside another selector": {
        "os": {"name": "windows"},
        "nodeSelector": {OS: "linux"},
    },
    "options": {"securityContext": _OPTIONS},
    "a container's options": {"containers": {"securityContext": _OPTIONS}},
}
OTHERS: dict[str, Json] = {
    "linux": {"os": {"name": "linux"}, "securityContext": _OPTIONS},
    "selector": {"nodeSelector": {OS: "linux"}},
    "affinity": {"affinity": _affinity([_in(OS, "linux")])},
    "both": {"affinity": _affinity([_in(OS, "linux", "windows")])},
    "not windows": {"affinity": _affinity([_in(OS, "windows", operator="NotIn")])},
    "one term of two": {"affinity": _affinity([_in(OS, "windows")], [_ZONE])},
    "preferred": {"affinity": _affinity([_in(OS, "windows")], preferred=True)},
    "no build": {"affinity": _affinity([{"key": BUILD, "operator": "DoesNotExist"}])},
    "no terms": {"affinity": _affinity()},
    "no such build": {"affinity": _affinity([_in(BUILD, "10.0.20348", operator="NotIn")])},
    "a term about the node's name": {
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [_in(OS, "windows")]},
                        {"matchFields": [_in("metadata.name", "node-1")]},
                    ]
                },
            }
        }
    },
    "stated beside a selector": {"os": {"name": "linux"}, "nodeSelector": {OS: "windows"}},
    "nothing": {"affinity": {"nodeAffinity": None}, "nodeSelector": None, "os": None},
    "empty options": {"securityContext": {"windowsOptions": {}}},
    "a label of somebody": {"nodeSelector": {"example.net/os": "windows"}},
}


def _answer(asked: Json, pod: Json, changes: Json) -> str:
    changes = dict(changes)
    pod["spec"]["containers"][0] |= changes.pop("containers", {})
    pod["spec"] |= changes
    return answer_to(asked).reason


@pytest.mark.parametrize("changes", WINDOWS.values(), ids=WINDOWS)
def test_a_windows_only_pod_gets_no_sidecar(asked: Json, pod: Json, changes: Json) -> None:
    assert _answer(asked, pod, changes) == "windows"


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_every_other_pod_gets_one(asked: Json, pod: Json, changes: Json) -> None:
    assert _answer(asked, pod, changes) == "injected"
