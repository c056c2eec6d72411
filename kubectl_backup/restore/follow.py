"""The pod that restores: created, followed to its end, removed."""

import time

from contract import units
from kubectl_backup.cluster.api import Cluster, Json, below
from kubectl_backup.cluster.errors import ClusterError, ConflictError, DeniedError, NotFoundError
from kubectl_backup.output import formats
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.restore import helper_pod, scaling
from kubectl_backup.workload import scope
from kubectl_backup.workload.target import Owner

_EVERY = 1.0  # seconds between two looks at the pod
_STARTS = 300.0  # seconds in which the pod that restores begins
_PATIENCE = 60.0  # seconds in which the API server may fail to answer while the pod restores


class Helper:
    """One pod that restores; ``stopped`` is the workload that must not start meanwhile."""

    def __init__(
        self, cluster: Cluster, terminal: Terminal, namespace: str, name: str, stopped: Owner | None
    ) -> None:
        self._cluster = cluster
        self._terminal = terminal
        self._namespace = namespace
        self._name = name
        self._stopped = stopped
        self._path = below(namespace, "pods", name)
        self._exists = False  # or may
        self._shown = 0  # lines of its log

    def run(self, body: Json) -> int:
        """Create the pod and wait until it has ended; return its exit status."""
        self._exists = True
        try:
            self._cluster.create(below(self._namespace, "pods"), body)
        except (DeniedError, NotFoundError, ConflictError):
            self._exists = False  # or it is somebody else's
            raise
        try:
            return self._follow()
        except ClusterError as error:
            line = f"{error}; NOT ALL of it may be there: run the restore again"
            raise ClusterError(line) from error

    def remove(self) -> None:
        """Remove the pod if it may be there; raise LeftError where it may go on to write."""
        if self._exists:
            # The app must not start beside it.
            scaling.remove(self._cluster, self._terminal, self._namespace, self._name)
            self._exists = False

    def _follow(self) -> int:
        began = heard = time.monotonic()
        while True:
            try:
                if self._stopped is not None:
                    scaling.must_be_down(self._cluster, self._namespace, self._stopped)
                pod = self._cluster.get(self._path)
            except (DeniedError, NotFoundError):
                raise
            except ClusterError:  # it may answer in a moment
                if time.monotonic() - heard > _PATIENCE:
                    raise
            else:
                heard = time.monotonic()
                if (code := self._look(pod, heard - began)) is not None:
                    return code
            time.sleep(_EVERY)

    def _look(self, pod: Json, spent: float) -> int | None:
        """Show how far it is; return its exit status once it has ended."""
        status = pod.get("status") or {}
        state = scaling.state_of(status)
        if "running" in state or "terminated" in state:
            self._show()
        if "terminated" in state:
            return int(state["terminated"]["exitCode"])
        if status.get("phase") == "Failed":
            why = status.get("message") or status.get("reason") or "no reason given"
            raise ClusterError(f"pod {self._name} failed: {why}")
        if pod["metadata"].get("deletionTimestamp"):
            raise ClusterError(f"pod {self._name} was deleted by somebody else")
        waiting = state.get("waiting") or {}
        if "running" not in state and spent > _STARTS:
            raise ClusterError(f"pod {self._name} does not start: {self._why(pod, waiting)}")
        text = waiting.get("reason") or ("restoring" if "running" in state else "about to start")
        self._terminal.progress(f"pod {self._name}: {text}, {units.span(spent)}")
        return None

    def _why(self, pod: Json, waiting: Json) -> str:
        """Return why it does not start, as its node, the scheduler and events tell."""
        conditions = (pod.get("status") or {}).get("conditions") or ()
        unscheduled = [
            str(each.get("message") or "it has no node")
            for each in conditions
            if each.get("type") == "PodScheduled" and each.get("status") == "False"
        ]
        warnings = scope.warnings(self._cluster, [pod]).values()
        said = (waiting.get("reason"), waiting.get("message"), *unscheduled, *warnings)
        return ": ".join(str(each) for each in said if each) or "nobody says why"

    def _show(self) -> None:
        """Show what is new in its log; a restore goes on without."""
        try:
            log = self._cluster.text(f"{self._path}/log", container=helper_pod.CONTAINER)
            for line in list(log)[self._shown :]:
                self._terminal.tell(formats.spoken(line)[0])
                self._shown += 1
        except ClusterError as error:
            self._terminal.progress(f"pod {self._name}: no log: {error}")
