"""The pod that restores: created, followed to its end, removed."""

import json
import re
import time

from kubectl_backup.cluster.api import Cluster, Json, below
from kubectl_backup.cluster.errors import UNCHANGED, ClusterError, DeniedError, NotFoundError
from kubectl_backup.output import formats
from kubectl_backup.output.progress import Progress
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.restore import helper_pod, scaling
from kubectl_backup.workload import scope
from kubectl_backup.workload.target import Owner

_EVERY = 1.0  # seconds between two checks of the pod
_STARTS = 300.0  # seconds in which the pod that restores begins
_PATIENCE = 60.0  # seconds in which the API server may fail to answer while the pod restores
_SHARE = re.compile(r"(\d{1,3})%$")
_MOST = 1 << 63  # bytes of a volume


class Helper:
    """One pod that restores; ``stopped`` is the workload that must not start during the restore."""

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
        except UNCHANGED:
            self._exists = False  # or it is somebody else's
            raise
        try:
            with self._terminal.progress(f"pod {self._name}") as progress:
                return self._follow(progress)
        except ClusterError as error:
            line = f"{error}; the restore may be INCOMPLETE: run it again"
            raise ClusterError(line) from error

    def remove(self) -> None:
        """Remove the pod if it may exist; raise LeftError if it may still write."""
        if self._exists:
            # The app must not start beside it.
            scaling.remove(self._cluster, self._terminal, self._namespace, self._name)
            self._exists = False

    def _follow(self, progress: Progress) -> int:
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
                if (code := self._check(pod, heard - began, progress)) is not None:
                    return code
            time.sleep(_EVERY)

    def _check(self, pod: Json, spent: float, progress: Progress) -> int | None:
        """Show the progress of the pod; return its exit status once it has ended."""
        status = pod.get("status") or {}
        state = scaling.state_of(status)
        if "running" in state or "terminated" in state:
            self._show_log(progress)
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
        progress.show(
            waiting.get("reason") or ("restoring" if "running" in state else "about to start")
        )
        return None

    def _why(self, pod: Json, waiting: Json) -> str:
        """Return why the pod does not start, from its status and its events."""
        conditions = (pod.get("status") or {}).get("conditions") or ()
        unscheduled = [
            str(each.get("message") or "it has no node")
            for each in conditions
            if each.get("type") == "PodScheduled" and each.get("status") == "False"
        ]
        warnings = scope.warnings(self._cluster, [pod]).values()
        said = (waiting.get("reason"), waiting.get("message"), *unscheduled, *warnings)
        return ": ".join(str(each) for each in said if each) or "no reason given"

    def _show_log(self, progress: Progress) -> None:
        """Show the new lines of its log; the restore does not depend on them."""
        try:
            log = self._cluster.text(f"{self._path}/log", container=helper_pod.CONTAINER)
            for line in list(log)[self._shown :]:
                if not _moves(progress, line):
                    self._terminal.tell(formats.spoken(line)[0])
                self._shown += 1
        except ClusterError as error:
            progress.show(f"cannot read its log: {error}")


def _moves(progress: Progress, line: bytes) -> bool:
    """Show the progress in a line of the runner's log; return whether the line has any."""
    try:
        said = json.loads(line)
        done, share = said["bytes_done"], _SHARE.search(said["message"])
    except (ValueError, KeyError, TypeError):
        return False
    if not isinstance(done, int) or not 0 <= done < _MOST:
        return False
    percent = int(share[1]) if share else 0
    progress.move(done, done * 100 / percent if percent else None)
    return True
