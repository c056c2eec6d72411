"""Whom the sidecar runs as, and what it may do: what reading the data needs, and no more."""

from typing import Any

from contract import settings
from contract.values import RunAs
from webhook import workload
from webhook.inject import Plan, Surroundings
from webhook.namespace import STRICTEST
from webhook.workload import Pod

_IMAGE_USER = 65532  # the image's own numeric user
_FORBIDDEN = (
    f"annotation {settings.RUN_AS.annotation} 'root': the namespace's Pod Security level forbids "
    "it; using the user that mounts the volume"
)

Json = dict[str, Any]


def context(pod: Pod, plan: Plan, around: Surroundings) -> tuple[Json, tuple[str, ...]]:
    """Return the container's ``securityContext`` and warnings.

    The pod passes every Pod Security level that it passes without us.
    """
    run_as, warnings = _user(pod, plan, root=around.pod_security != STRICTEST)
    return _security_context(pod, plan, run_as), warnings


def _security_context(pod: Pod, plan: Plan, run_as: RunAs) -> Json:
    capabilities: Json = {"drop": ["ALL"]}
    if run_as.user == 0:
        capabilities["add"] = ["DAC_OVERRIDE"]
    context: Json = {
        "allowPrivilegeEscalation": False,
        "capabilities": capabilities,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": run_as.user != 0,
        "runAsUser": run_as.user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if run_as.group is not None:
        context["runAsGroup"] = run_as.group
    first = workload.mounting(pod, {plan.mounts[0].volume})[0]
    if (options := (first.get("securityContext") or {}).get("seLinuxOptions")) is not None:
        context["seLinuxOptions"] = options
    return context


def _user(pod: Pod, plan: Plan, *, root: bool) -> tuple[RunAs, tuple[str, ...]]:
    """Return whom the sidecar runs as: like the container that mounts the data, if it is known."""
    chosen = plan.settings.get(settings.RUN_AS)
    if chosen is not None and (chosen.user or root):
        return chosen, ()
    users = {
        user
        for container in workload.mounting(pod, {mount.volume for mount in plan.mounts})
        if (user := _effective(pod, container, "runAsUser")) is not None
    }
    warnings = (_differ(users),) if len(users) > 1 else ()
    if chosen is not None:
        warnings = (_FORBIDDEN, *warnings)
    first = workload.mounting(pod, {plan.mounts[0].volume})[0]
    user = _effective(pod, first, "runAsUser")
    if user is not None:
        return RunAs(user, _effective(pod, first, "runAsGroup")), warnings
    non_root = _effective(pod, first, "runAsNonRoot") or _effective(pod, {}, "runAsNonRoot")
    return RunAs(_IMAGE_USER if non_root or not root else 0, None), warnings


def _differ(users: set[int]) -> str:
    listed = ", ".join(map(str, sorted(users)))
    key = settings.RUN_AS.annotation
    return (
        f"the volumes are mounted by different users ({listed}); "
        f"if backups report unreadable files, set {key}"
    )


def _effective(pod: Pod, container: Json, field: str) -> Any:  # noqa: ANN401 -- any JSON value
    own = (container.get("securityContext") or {}).get(field)
    return own if own is not None else (workload.spec(pod).get("securityContext") or {}).get(field)
