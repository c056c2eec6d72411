"""The states of a pod's init containers, up to the sidecar. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contract import names
from kubectl_backup.output import formats
from kubectl_backup.workload import target

_BACK_OFF = re.compile(r"back-off (?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)? ")
_NOT_STARTED = {"", "PodInitializing", "ContainerCreating"}

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Init:
    """One init container; ``always``: it is a native sidecar. ``status`` is the kubelet's."""

    name: str
    always: bool
    status: Json

    @property
    def state(self) -> Json:
        """Its state: ``waiting``, ``running`` or ``terminated``; empty if unknown."""
        return self.status.get("state") or {}

    @property
    def is_done(self) -> bool:
        """Whether the next one may start."""
        if self.always:
            return "running" in self.state and self.status.get("started") is not False
        return "terminated" in self.state and not self.state["terminated"].get("exitCode")

    @property
    def has_started(self) -> bool:
        """Whether it was ever started, or cannot start for a reason of its own."""
        return "running" in self.state or self.reason not in _NOT_STARTED

    @property
    def reason(self) -> str:
        """The kubelet's reason why it does not run; empty if there is none."""
        return str(self._what.get("reason") or "")

    @property
    def message(self) -> str:
        """The kubelet's message."""
        return formats.plain(self._what.get("message") or "")

    @property
    def _what(self) -> Json:
        return self.state.get("waiting") or self.state.get("terminated") or {}

    @property
    def last_end(self) -> Json:
        """Its last termination; empty if it never ended."""
        before = (self.status.get("lastState") or {}).get("terminated")
        return self.state.get("terminated") or before or {}

    @property
    def next_start(self) -> float | None:
        """When the kubelet restarts it; None if it does not say so."""
        waiting = self.state.get("waiting") or {}
        match = _BACK_OFF.match(str(waiting.get("message") or ""))
        ended = formats.moment(self.last_end.get("finishedAt"))
        if not match or ended is None:
            return None
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return ended + 3600 * hours + 60 * minutes + seconds


def of(pod: target.Pod) -> Iterator[Init]:
    """Yield the init containers in their order, up to the sidecar."""
    listed = (pod.get("status") or {}).get("initContainerStatuses") or ()
    known = {str(each.get("name")): each for each in listed}
    specified = {str(each["name"]): each for each in pod["spec"].get("initContainers") or ()}
    for name in (*(name for name in known if name not in specified), *specified):
        always = (specified.get(name) or {}).get("restartPolicy") == "Always"
        yield Init(name, always or name == names.CONTAINER, known.get(name, {}))
        if name == names.CONTAINER:
            return


def blocking(pod: target.Pod) -> Init | None:
    """Return the first that is not done; None if the sidecar runs."""
    return next((each for each in of(pod) if not each.is_done), None)


def since(pod: target.Pod, name: str) -> float | None:
    """Return since when a pod waits for a container: its start on a node, or the end of the
    previous container. A restart does not end the wait."""
    found = started(pod)
    for each in of(pod):
        if each.name == name:
            break
        ended = each.state.get("terminated", {}).get("finishedAt")
        text = ended or each.state.get("running", {}).get("startedAt")
        found = max((at for at in (found, formats.moment(text)) if at is not None), default=None)
    return found


def started(pod: target.Pod) -> float | None:
    """Return when the pod started on its node, or else when it was created."""
    given = (pod.get("status") or {}).get("startTime") or pod["metadata"].get("creationTimestamp")
    return formats.moment(given)
