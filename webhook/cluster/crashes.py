"""Whether a pod's status shows that our sidecar does not run in it. Pure.

A native sidecar that does not start keeps the app from starting: the app is never hostage to it.
Source: kuberuntime and container states of Kubernetes 1.37.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from contract import coverage, names

_NEVER_RAN = frozenset(
    {"CreateContainerError", "RunContainerError", "StartError", "PreCreateHookError",
     "PreStartHookError", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)  # fmt: skip
_MISFIT = "CreateContainerConfigError"  # of a folder, a user or a key that the kubelet cannot give
_LATE = (
    "failed to sync"  # says the kubelet of such an error that passes: it has not read objects yet
)
_YOUNG = 90.0  # seconds of a pod's life in which a crash is its start's
_TIMES = 2  # crashes; one may be the node's

Json = Mapping[str, Any]


def crash(pod: Json) -> str:
    """Return why the sidecar of a pod does not run; "" while it runs, may start, or has run."""
    if not coverage.has_sidecar(pod):
        return ""
    status = pod.get("status") or {}
    found = (each for each in status.get("initContainerStatuses") or ()
             if each.get("name") == names.CONTAINER)  # fmt: skip
    return next((_why(each, status.get("startTime")) for each in found), "")


def _why(container: Json, started: object) -> str:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = str(waiting.get("reason") or "")
    lasts = reason == _MISFIT and _LATE not in str(waiting.get("message"))
    if (reason in _NEVER_RAN or lasts) and not container.get("lastState"):
        return reason
    if "running" in state or container.get("restartCount", 0) < _TIMES:
        return ""
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    if not _within(started, ended.get("finishedAt")):
        return ""
    return f"{reason or ended.get('reason') or 'Error'}, exit status {ended.get('exitCode')}"


def _within(started: object, finished: object) -> bool:
    """Whether a pod that started then was young when its container finished."""
    try:
        life = datetime.fromisoformat(str(finished)) - datetime.fromisoformat(str(started))
    except ValueError:
        return False
    return life.total_seconds() <= _YOUNG
