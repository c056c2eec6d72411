"""Who in a pod can see our processes and read from them. Pure.

In a shared process namespace the kernel lets a process read another's environment, memory and files
(`/proc/PID/environ`, `/proc/PID/root`) where both have the same user, or the reader is privileged.
"""

from collections.abc import Iterator

from contract.annotations import settings
from contract.annotations.values import RunAs
from webhook.admission import pod_spec
from webhook.admission.pod_spec import Pod

_FIELDS = ("shareProcessNamespace", "hostPID")
_READING = {"SYS_PTRACE", "CAP_SYS_PTRACE", "ALL"}
_KEY = settings.RUN_AS.annotation
_ROOT = 0
_UNKNOWN, _NOT_ROOT = -1, -2


def shared(pod: Pod) -> str:
    """Return the field by which the pod's containers see each other's processes; "" without."""
    return next((field for field in _FIELDS if pod_spec.spec(pod).get(field)), "")


def warnings(pod: Pod, run_as: RunAs, *, chosen: bool) -> tuple[str, ...]:
    """Return what others can read of the sidecar's processes, or the user that prevents it.

    ``chosen``: an annotation names the user.
    """
    if not (field := shared(pod)):
        return ()
    if readers := _readers(pod, run_as.user):
        what = "the repository's password and keys from the sidecar's processes"
        return (f"{field}: {' and '.join(readers)} can read {what}; {_remedy(field, run_as)}",)
    if chosen or run_as.user != _ROOT:
        return ()
    line = (
        f"{field}: the sidecar runs as root with only DAC_OVERRIDE, which keeps the app's user "
        f"from reading the repository's password from the sidecar's processes; confirm with "
        f"{_KEY}: root, or set {_KEY} to the app's user if commands signal the app or a volume "
        f"refuses root"
    )
    return (line,)


def _remedy(field: str, run_as: RunAs) -> str:
    away = f"remove {field}"
    if run_as.user == _ROOT:
        return f"{away}, or run the app as a user other than root, without privileges"
    return f"{away}, or write {_KEY}: root if Pod Security and the pod allow it"


def _readers(pod: Pod, user: int) -> list[str]:
    found = set(_users(pod))
    readers = []
    if user in found:
        readers.append(f"containers that run as user {user} like the sidecar")
    elif _ROOT in found:  # root may become any user
        readers.append("containers that run as root")
    if _UNKNOWN in found or (_NOT_ROOT in found and user != _ROOT):
        readers.append(f"containers whose image may run as user {user}")
    if any(map(_is_privileged, pod_spec.containers(pod))):
        readers.append("privileged containers")
    return readers


def _users(pod: Pod) -> Iterator[int]:
    """Yield the user of each container, or what is known of it if its image decides."""
    outer = pod_spec.spec(pod).get("securityContext") or {}
    for container in pod_spec.containers(pod):
        context = {**outer, **(container.get("securityContext") or {})}
        user = context.get("runAsUser")
        unknown = _NOT_ROOT if context.get("runAsNonRoot") else _UNKNOWN
        yield user if isinstance(user, int) else unknown


def _is_privileged(container: dict[str, object]) -> bool:
    context = container.get("securityContext")
    if not isinstance(context, dict):
        return False
    added = (context.get("capabilities") or {}).get("add") or ()
    return bool(context.get("privileged")) or bool(_READING & {str(each).upper() for each in added})
