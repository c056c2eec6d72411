"""The security context of our containers: no more than the data requires."""

from dataclasses import dataclass
from typing import Any

from contract.annotations import settings
from contract.annotations.values import RunAs
from webhook.admission import pod_spec
from webhook.admission.model import NamespaceContext, Plan
from webhook.admission.pod_spec import Pod
from webhook.admission.policies.namespace import STRICTEST
from webhook.admission.sidecar import processes

_IMAGE_USER = 65532  # the image's own numeric user
# Of root, who may do nothing else; Pod Security's level baseline allows all of them.
_READING = ("DAC_OVERRIDE",)
_WRITING = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID")
_FORBIDDEN = (
    f"annotation {settings.RUN_AS.annotation} 'root': the namespace's Pod Security level forbids "
    "it; using "
)
_UNKNOWN = (
    "no container that mounts the volumes says its user, and root is not allowed: the sidecar runs "
    f"as {_IMAGE_USER}; if backups report unreadable files, set {settings.RUN_AS.annotation}"
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SecurityContext:
    """A container's ``securityContext``, and what is to be known of it."""

    value: Json
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _User:
    """The user that a container runs as, and warnings about it."""

    run_as: RunAs
    warnings: tuple[str, ...] = ()


def context(pod: Pod, plan: Plan, around: NamespaceContext) -> SecurityContext:
    """Return the security context of the sidecar.

    A pod that passes a Pod Security level without the sidecar still passes it.
    """
    root = around.pod_security != STRICTEST
    user = _user(pod, plan, root=root)
    chosen = plan.settings.get(settings.RUN_AS) is not None
    hides = not chosen and root and _hides_as_root(pod, plan)
    run_as = RunAs(0, None) if hides else user.run_as
    seen = processes.warnings(pod, run_as, chosen=chosen)
    value = _security_context(pod, plan, run_as, _READING)
    return SecurityContext(value, (*user.warnings, *seen))


def of_restorer(pod: Pod, plan: Plan, around: NamespaceContext) -> Json:
    """Return the ``securityContext`` of what writes the data: root, which gives files their owners.

    Where nobody may be root, or an annotation names a user, it runs as the sidecar does.
    """
    root = around.pod_security != STRICTEST
    run_as = _user(pod, plan, root=root).run_as
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
    first = pod_spec.mounting(pod, {plan.mounts[0].volume})[0]
    if (options := (first.get("securityContext") or {}).get("seLinuxOptions")) is not None:
        context["seLinuxOptions"] = options
    profile = _effective(pod, {}, "appArmorProfile") or {}
    if profile.get("type") == "Localhost":
        context["appArmorProfile"] = {"type": "RuntimeDefault"}  # theirs was made for the app
    return context


def _user(pod: Pod, plan: Plan, *, root: bool) -> _User:
    """Return the sidecar's user: that of the container that mounts the data, if it is known."""
    chosen = plan.settings.get(settings.RUN_AS)
    if chosen is not None and (chosen.user or root):
        return _User(chosen)
    mounting = pod_spec.mounting(pod, {mount.volume for mount in plan.mounts})
    users = {
        user
        for container in mounting
        if (user := _effective(pod, container, "runAsUser")) is not None
    }
    warnings = (_differ(users),) if len(users) > 1 else ()
    if chosen is not None:
        warnings = (f"{_FORBIDDEN}the user that mounts the volume", *warnings)
    first = pod_spec.mounting(pod, {plan.mounts[0].volume})[0]
    user = _effective(pod, first, "runAsUser")
    if user is not None:
        return _User(RunAs(user, _effective(pod, first, "runAsGroup")), warnings)
    if root and not _non_root(pod, plan):
        return _User(RunAs(0, None), warnings)
    # The app may run as another user than its init containers; one of them is all that is said.
    for container in mounting:
        if user := _effective(pod, container, "runAsUser"):
            return _User(RunAs(user, _effective(pod, container, "runAsGroup")), warnings)
    if chosen is not None:
        return _User(RunAs(_IMAGE_USER, None), (f"{_FORBIDDEN}{_IMAGE_USER}",))
    return _User(RunAs(_IMAGE_USER, None), (*warnings, _UNKNOWN))


def _non_root(pod: Pod, plan: Plan) -> bool:
    first = pod_spec.mounting(pod, {plan.mounts[0].volume})[0]
    return bool(_effective(pod, first, "runAsNonRoot") or _effective(pod, {}, "runAsNonRoot"))


def _hides_as_root(pod: Pod, plan: Plan) -> bool:
    """Whether a separate user keeps the app, which sees our processes, from reading them.

    Only root reads files of other users, and most NFS servers squash root.
    """
    if not processes.shared(pod) or _non_root(pod, plan):
        return False
    backed = {mount.volume for mount in plan.mounts}
    volumes = pod_spec.spec(pod).get("volumes") or []
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
    return own if own is not None else (pod_spec.spec(pod).get("securityContext") or {}).get(field)
