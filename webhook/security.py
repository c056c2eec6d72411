"""Whom our containers run as, and what they may do: what the data needs, and no more."""

from typing import Any

from contract import settings
from contract.values import RunAs
from webhook import processes, workload
from webhook.inject import Plan, Surroundings
from webhook.namespace import STRICTEST
from webhook.workload import Pod

_IMAGE_USER = 65532  # the image's own numeric user
# Of root, who may do nothing else; Pod Security's level baseline allows all of them.
_READING = ("DAC_OVERRIDE",)
_WRITING = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID")
_FORBIDDEN = (
    f"annotation {settings.RUN_AS.annotation} 'root': the namespace's Pod Security level forbids "
    "it; using the user that mounts the volume"
)

Json = dict[str, Any]


def context(pod: Pod, plan: Plan, around: Surroundings) -> tuple[Json, tuple[str, ...]]:
    """Return the container's ``securityContext`` and warnings.

    The pod passes every Pod Security level that it passes without us.
    """
    root = around.pod_security != STRICTEST
    run_as, warnings = _user(pod, plan, root=root)
    chosen = plan.settings.get(settings.RUN_AS) is not None
    if not chosen and root and _hides_as_root(pod, plan):
        run_as = RunAs(0, None)
    seen = processes.warnings(pod, run_as, chosen=chosen)
    return _security_context(pod, plan, run_as, _READING), (*warnings, *seen)


def of_restorer(pod: Pod, plan: Plan, around: Surroundings) -> Json:
    """Return the ``securityContext`` of what writes the data: root, which gives files their owners.

    Where nobody may be root, or an annotation names a user, it runs as the sidecar does.
    """
    root = around.pod_security != STRICTEST
    run_as, _ = _user(pod, plan, root=root)
    if root and plan.settings.get(settings.RUN_AS) is None and not _non_root(pod, plan):
        run_as = RunAs(0, None)
    return _security_context(pod, plan, run_as, _WRITING)


def _security_context(pod: Pod, plan: Plan, run_as: RunAs, of_root: tuple[str, ...]) -> Json:
    capabilities: Json = {"drop": ["ALL"]}
    if run_as.user == 0:
        capabilities["add"] = list(of_root)
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
    return RunAs(_IMAGE_USER if _non_root(pod, plan) or not root else 0, None), warnings


def _non_root(pod: Pod, plan: Plan) -> bool:
    first = workload.mounting(pod, {plan.mounts[0].volume})[0]
    return bool(_effective(pod, first, "runAsNonRoot") or _effective(pod, {}, "runAsNonRoot"))


def _hides_as_root(pod: Pod, plan: Plan) -> bool:
    """Whether the app, which sees our processes, is kept from reading them by a user of our own.

    Only root reads the files of others, and servers of NFS mostly refuse root.
    """
    if not processes.shared(pod) or _non_root(pod, plan):
        return False
    backed = {mount.volume for mount in plan.mounts}
    volumes = workload.spec(pod).get("volumes") or []
    return not any(each.get("nfs") for each in volumes if each.get("name") in backed)


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
