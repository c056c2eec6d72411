"""Why the sidecar of a pod does not run, since when, and the next step. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any

from contract import names, units
from kubectl_backup.output import formats
from kubectl_backup.workload import containers, restoring, target
from kubectl_backup.workload.containers import Init
from kubectl_backup.workload.restoring import Said

NOT_RUNNING, RESTORING = "not running", "restoring"
PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
                  "ImageInspectError", "RegistryUnavailable"})  # fmt: skip
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stall:
    """``subject`` is ``restore``, ``sidecar`` or ``pod``; ``reason`` is one word for scripts.

    Times are epoch seconds.
    """

    subject: str
    reason: str
    text: str
    remedy: str
    since: float | None = None
    next_try: float | None = None
    status: str = NOT_RUNNING

    def line(self, now: float) -> str:
        """Return the reason, how long it has held, and when the next try is."""
        times = [f"for {units.span(now - self.since)}"] if self.since is not None else []
        if self.next_try is not None:
            times.append(f"next try {formats.ahead(self.next_try, now)}")
        return formats.plain(self.text) + (f" ({', '.join(times)})" if times else "")


def find(pod: target.Pod, said: Said | None = None, warning: str = "") -> Stall | None:
    """Return why a pod's sidecar does not run; None if it runs.

    ``said`` is from the log of the restore, ``warning`` the newest event about volumes or the
    sandbox; both may be unknown.
    """
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        since = formats.moment(pod["metadata"]["deletionTimestamp"])
        return Stall("pod", "Terminating", "the pod is being deleted", _describe(pod), since)
    if status.get("phase") in {"Failed", "Succeeded"}:
        return _ended(pod)
    if target.running(pod):
        return None
    if condition := _unscheduled(pod):
        return _without_node(pod, condition)
    init = containers.blocking(pod)
    if init is None or not (init.state or status.get("startTime")):
        text = f"the sidecar does not run: the pod is {status.get('phase') or 'Unknown'}"
        return Stall("sidecar", "Unknown", text, _describe(pod), containers.started(pod))
    return _blocked(pod, init, said, warning)


def waits_for_restore(pod: target.Pod) -> bool:
    """Whether the log of the restore may say why a pod does not start."""
    init = None if target.running(pod) else containers.blocking(pod)
    return init is not None and init.name == names.RESTORE_CONTAINER and _has_log(init)


def waits_for_node(pod: target.Pod) -> bool:
    """Whether only an event can say why no container of a pod has started."""
    started = any(each.has_started for each in containers.of(pod))
    return not started and not _unscheduled(pod) and target.lasting(pod)


def _has_log(init: Init) -> bool:
    return "running" in init.state or bool(init.last_end)


def _ended(pod: target.Pod) -> Stall:
    status = pod["status"]
    listed = (
        *(status.get("containerStatuses") or ()),
        *(status.get("initContainerStatuses") or ()),
    )
    ends = (
        ((each.get("state") or {}).get("terminated") or {}).get("finishedAt") for each in listed
    )
    moments = [at for at in map(formats.moment, ends) if at is not None]
    reason = str(status.get("reason") or status["phase"])
    text = f"the pod has ended: {reason}"
    text += f": {status['message']}" if status.get("message") else ""
    remedy = _describe(pod)
    if target.owner(pod).kind == "Pod":
        remedy = f"recreate the pod; {remedy}"
    return Stall("pod", reason, text, remedy, max(moments, default=containers.started(pod)))


def _without_node(pod: target.Pod, condition: Json) -> Stall:
    reason = str(condition.get("reason") or "Unschedulable")
    said = str(condition.get("message") or "no message")
    text, remedy = f"the pod has no node: {reason}: {said}", _describe(pod)
    if "persistentvolumeclaim" in said.lower():
        remedy = f"kubectl -n {quote(pod['metadata']['namespace'])} describe pvc; {remedy}"
    elif "insufficient" in said.lower():
        remedy = f"free resources, add a node or lower the pod's requests; {remedy}"
    since = formats.moment(condition.get("lastTransitionTime"))
    return Stall("pod", reason, text, remedy, since or containers.started(pod))


def _blocked(pod: target.Pod, init: Init, said: Said | None, warning: str) -> Stall:
    """Return the stall of a pod whose init container has not finished."""
    who, subject = {
        names.CONTAINER: ("the sidecar does not run", "sidecar"),
        names.RESTORE_CONTAINER: (f"waiting for {names.RESTORE_CONTAINER}", "restore"),
    }.get(init.name, (f"waiting for init container {init.name} of the app", "pod"))
    since, describe = containers.since(pod, init.name), _describe(pod)
    why = f"{who}: {init.reason}{f': {init.message}' if init.message else ''}"
    if not init.has_started and not init.last_end:
        return _not_created(pod, since, warning)
    if init.reason in PULL:
        secrets = f"pull secrets (annotation {names.PULL_SECRETS_ANNOTATION} of the namespace)"
        cure = f"check the image's name, its registry and {secrets}; {describe}"
        return Stall(subject, init.reason, why, cure, since)
    if init.reason in _CONFIG:
        user = "set backup.run-as on the pod template, or " if "runAsNonRoot" in why else ""
        return Stall(subject, init.reason, why, f"{user}correct what the message names; {describe}",
                     since)  # fmt: skip
    if init.name == names.RESTORE_CONTAINER:
        return _restore(pod, init, said, since)
    return _crashed(pod, init, who, subject, since)


def _not_created(pod: target.Pod, since: float | None, warning: str) -> Stall:
    text, describe = "the pod's containers are not created yet", _describe(pod)
    node = pod["spec"].get("nodeName")
    text += f": {warning}" if warning else f" on node {node}" if node else ""
    remedy, lower = describe, warning.lower()
    if "multi-attach" in lower:
        remedy = f"the volume is still attached to another node: delete its pod there; {describe}"
    elif "not found" in lower:
        remedy = f"create what the message names; {describe}"
    reason = "VolumesNotMounted" if "volume" in lower else "ContainerCreating"
    return Stall("pod", reason, text, remedy, since)


def _restore(pod: target.Pod, init: Init, said: Said | None, since: float | None) -> Stall:
    """Return the stall of a pod that waits for its restore, from its log or its last end."""
    last, runs = init.last_end, "running" in init.state
    # Right after a restart the log is new, and has not reached the failure yet.
    if last and not (said and (said.failure or (runs and said.is_at_work))):
        code = last.get("exitCode")
        ended = restoring.ended(str(last.get("message") or ""))
        is_told = ended is not None and bool(ended.failure)
        said = ended if is_told else restoring.killed(str(last.get("reason") or ""), code)
    elif last.get("reason") == "OOMKilled" and not (said and said.failure):
        said = restoring.killed("OOMKilled", last.get("exitCode"))
    who, said = f"waiting for {init.name}", said or Said()
    if not said.failure:
        # The restore is in progress, which may take hours: nothing is wrong.
        text = f"{who}: {said.message or 'reading the repository'}"
        reason = "another_pod" if said.is_waiting else RESTORING
        remedy = "the app starts as soon as its volumes are restored"
        return Stall("restore", reason, text, remedy, since, None, RESTORING)
    remedy = restoring.cure(said) or f"see {_logs(pod, init)}"
    text = f"{who} ({said.failure}): {said.message}"
    return Stall("restore", said.failure, text, remedy, since, init.next_start or said.next_try)


def _crashed(pod: target.Pod, init: Init, who: str, subject: str, since: float | None) -> Stall:
    """Return the stall of a container that still runs, has ended, or keeps restarting."""
    last, remedy = init.last_end, f"see {_logs(pod, init)}"
    cause = str(last.get("reason") or "")
    if not last:
        still = "has not passed its startup probe" if init.always else "is still running"
        reason = init.reason or "Running"
        said = f"it {still}" if "running" in init.state else init.reason
        said += f": {init.message}" if init.message else ""
        return Stall(subject, reason, f"{who}: {said}", remedy, since)
    reason = init.reason or cause or "Error"
    said = f"{cause or 'Error'}, exit status {last.get('exitCode')}"
    said = said if reason == cause else f"{reason}: {said}"
    said += f": {formats.plain(last['message'])}" if last.get("message") else ""
    restarts = init.status.get("restartCount") or 0
    said += f"; restarted {restarts} times" if restarts > 1 else ""
    if cause == "OOMKilled":
        ours = init.name == names.CONTAINER
        remedy = "raise backup.memory-limit" if ours else f"raise the memory limit of {init.name}"
        reason, remedy = cause, f"{remedy} on the pod template"
    elif "terminated" not in init.state:
        remedy += " --previous"
    return Stall(subject, reason, f"{who}: {said}", remedy, since, init.next_start)


def _unscheduled(pod: target.Pod) -> Json:
    for each in (pod.get("status") or {}).get("conditions") or ():
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            return dict(each)
    return {}


def _describe(pod: target.Pod) -> str:
    meta = pod["metadata"]
    return f"kubectl -n {quote(meta['namespace'])} describe pod {quote(meta['name'])}"


def _logs(pod: target.Pod, init: Init) -> str:
    meta = pod["metadata"]
    return f"kubectl -n {quote(meta['namespace'])} logs {quote(meta['name'])} -c {quote(init.name)}"
