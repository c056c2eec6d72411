"""What the pods of the pre-pull DaemonSet show: that a node cannot pull an image, or not run it."""

from collections.abc import Mapping
from typing import Any

_CANNOT_PULL = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
)
_CANNOT_RUN = frozenset(
    {"CrashLoopBackOff", "RunContainerError", "CreateContainerError", "StartError"}
)
_FOREIGN = "exec format error"  # of the kernel, about a program for other processors

Json = Mapping[str, Any]


def problems_of(pod: Json, daemonset: str) -> dict[str, str]:
    """Return why ``pod``, if it is one of the DaemonSet's, cannot run images, by image."""
    meta, status = pod["metadata"], pod.get("status") or {}
    owners = {owner.get("name") for owner in meta.get("ownerReferences") or ()}
    if daemonset not in owners or meta.get("deletionTimestamp"):
        return {}
    images = {each["name"]: each["image"] for each in pod["spec"]["containers"]}
    found = {}
    for each in status.get("containerStatuses") or ():
        problem = _problem(each)
        if problem and each["name"] in images:
            found[images[each["name"]]] = problem
    return found


def _problem(status: Json) -> str:
    """Return why the idle container does not run; "" while it runs or may start."""
    state = status.get("state") or {}
    reason = (state.get("waiting") or {}).get("reason")
    if reason in _CANNOT_PULL:
        return str(reason)
    ended = state.get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
    if "running" in state or not (reason in _CANNOT_RUN or ended.get("exitCode")):
        return ""
    if _FOREIGN in str(ended.get("message")):
        return "exec format error (the image is not for its architecture)"
    return str(reason or ended.get("reason") or "Error")
