"""A workload that is scaled down for a restore, and scaled up again in any case."""

import time
from collections.abc import Callable
from shlex import quote

from contract.text import counted
from kubectl_backup.cluster.api import Cluster, Json, below
from kubectl_backup.cluster.errors import (
    UNCHANGED,
    ClusterError,
    ConflictError,
    DeniedError,
    NotFoundError,
)
from kubectl_backup.output import interrupts
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.restore.helper_pod import CONTAINER, REPLICAS
from kubectl_backup.restore.preflight import RefusedError
from kubectl_backup.workload import target
from kubectl_backup.workload.target import Owner

_PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets"}
_EVERY = 0.5  # seconds between two checks
_GONE = 600.0  # seconds in which pods end
_TRIES = 30  # to scale up again
_CHANGES = 5  # of a workload while it is about to be scaled down


class LeftError(ClusterError):
    """The pod that restores could not be removed, and may still write to the volume."""


def path_of(namespace: str, owner: Owner) -> str:
    """Return the API path of a workload; raise ClusterError if it cannot be scaled."""
    if owner.kind not in _PLURALS:
        raise ClusterError(f"{owner} cannot be scaled down: use --to-pvc or --to-local")
    return below(namespace, _PLURALS[owner.kind], owner.name, "apps/v1")


def replicas(workload: Json) -> int:
    """Return the replicas of a workload, or those it had before a killed restore."""
    return noted(workload) or _specified(workload)


def noted(workload: Json) -> int:
    """Return the replicas of a workload before a killed restore scaled it down; else 0."""
    note = (workload["metadata"].get("annotations") or {}).get(REPLICAS, "")
    # If another user has scaled it up since, that number counts.
    is_down = not _specified(workload)
    return int(note) if is_down and note.isascii() and note.isdigit() else 0


def _specified(workload: Json) -> int:
    count = workload["spec"].get("replicas")
    return 1 if count is None else int(count)


def command(namespace: str, owner: Owner, count: int) -> str:
    """Return the command that scales a workload, for people to paste."""
    return f"kubectl -n {quote(namespace)} scale {quote(str(owner))} --replicas={quote(str(count))}"


def must_be_down(cluster: Cluster, namespace: str, owner: Owner) -> None:
    """Raise RefusedError if a workload was scaled up; a deleted one has no pods."""
    try:
        workload = cluster.get(path_of(namespace, owner))
    except NotFoundError:
        return
    if _specified(workload):
        raise RefusedError(
            f"{owner} was scaled up during the restore, which is stopped and INCOMPLETE; find out "
            "who scales it, then run the restore again"
        )


class _Stop:
    """A workload that is, or may be, scaled down."""

    def __init__(self, cluster: Cluster, terminal: Terminal, namespace: str, owner: Owner) -> None:
        self._cluster = cluster
        self._terminal = terminal
        self._namespace = namespace
        self._owner = owner
        self._path = path_of(namespace, owner)
        self._count = 0
        self._is_down = False

    def down(self, check: Callable[[Json], None]) -> None:
        """Scale it to 0 if ``check`` does not raise, and wait until its pods are gone."""
        for left in reversed(range(_CHANGES)):
            workload = self._cluster.get(self._path)
            check(workload)
            try:
                self._scale_down(workload)
            except ConflictError:  # another client has changed it: check again
                if not left:
                    raise
                time.sleep(1)
            else:
                break
        self._terminal.tell(f"{self._owner}: scaled down from {self._count}")
        self._await_end()

    def _scale_down(self, workload: Json) -> None:
        self._count = replicas(workload)
        # If we are killed, the next restore finds the number at the workload.
        meta = {"annotations": {REPLICAS: str(self._count)}}
        meta |= {"resourceVersion": workload["metadata"].get("resourceVersion")}
        self._is_down = True
        try:
            self._cluster.patch(self._path, {"metadata": meta, "spec": {"replicas": 0}})
        except UNCHANGED:
            self._is_down = False
            raise

    def work(self, work: Callable[[], int]) -> int:
        """Do ``work``; if it leaves a pod that may write, the workload stays scaled down."""
        try:
            return work()
        except LeftError as error:
            self._is_down = False
            again = command(self._namespace, self._owner, self._count)
            raise ClusterError(f"{error}; then scale {self._owner} up: {again}") from error

    def up(self) -> None:
        """Scale it up again if it may be scaled down."""
        if self._is_down:
            self._scale_up()
            self._is_down = False

    def _scale_up(self) -> None:
        change = {"metadata": {"annotations": {REPLICAS: None}}, "spec": {"replicas": self._count}}
        for left in reversed(range(_TRIES)):
            try:
                self._cluster.patch(self._path, change)
            except ClusterError as error:
                if not left or isinstance(error, (DeniedError, NotFoundError)):
                    again = command(self._namespace, self._owner, self._count)
                    is_gone = isinstance(error, NotFoundError)
                    how = "create it again, or scale it up" if is_gone else "scale it up"
                    line = f"{self._owner} may still be scaled down ({error}); {how}"
                    raise ClusterError(f"{line}: {again}") from error
                time.sleep(1)
            else:
                self._terminal.tell(f"{self._owner}: scaled up to {self._count}")
                return

    def _await_end(self) -> None:
        end = time.monotonic() + _GONE
        with self._terminal.progress(str(self._owner)) as progress:
            while left := self._pods():
                if time.monotonic() > end:
                    names = ", ".join(str(each["metadata"]["name"]) for each in left)
                    line = f"pod {names} of {self._owner} did not end within {_GONE:.0f} s"
                    raise ClusterError(f"{line}; nothing was restored")
                progress.show(f"waiting for {counted(len(left), 'pod')} to end")
                time.sleep(_EVERY)

    def _pods(self) -> list[Json]:
        return [
            pod
            for pod in self._cluster.pods(self._namespace)
            if target.owner(pod) == self._owner
            and (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
        ]


def while_scaled_down(
    cluster: Cluster,
    terminal: Terminal,
    namespace: str,
    owner: Owner,
    check: Callable[[Json], None],
    work: Callable[[], int],
) -> int:  # fmt: skip
    """Scale a workload to 0, do ``work`` once its pods are gone, and scale it up again.

    ``check`` is called with the workload right before it is scaled down, and raises if that must
    not be done. Return what ``work`` returns.
    """
    stop = _Stop(cluster, terminal, namespace, owner)

    def all_of_it() -> int:
        stop.down(check)
        return stop.work(work)

    return interrupts.finishing(terminal, all_of_it, stop.up)


def scale_up(cluster: Cluster, namespace: str, owner: Owner, count: int) -> None:
    """Scale up a workload that a killed restore left scaled down."""
    change = {"metadata": {"annotations": {REPLICAS: None}}, "spec": {"replicas": count}}
    cluster.patch(path_of(namespace, owner), change)


def remove(cluster: Cluster, terminal: Terminal, namespace: str, pod: str) -> None:
    """Delete a pod and wait until it is gone, so that its volumes are free.

    Raise LeftError if it remains and has not ended.
    """
    path, end = below(namespace, "pods", pod), time.monotonic() + _GONE
    missing = False
    while True:
        try:
            cluster.delete(path)
            why = f"it still exists after {_GONE:.0f} s"
        except NotFoundError as error:
            if missing:  # twice, because the app starts next
                return
            missing, why = True, str(error)
            continue
        except ClusterError as error:
            why = str(error)
            if isinstance(error, DeniedError):
                break
        if time.monotonic() > end:
            break
        time.sleep(_EVERY)
    line = f"pod {pod} cannot be deleted ({why})"
    delete = f"kubectl -n {quote(namespace)} delete pod {quote(pod)}"
    if not _has_ended(cluster, path):
        raise LeftError(f"{line} and may still write to the volume; delete it: {delete}")
    terminal.tell(f"{line}; delete it: {delete}")


def _has_ended(cluster: Cluster, path: str) -> bool:
    try:
        status = cluster.get(path).get("status") or {}
    except NotFoundError:
        return True
    except ClusterError:
        return False
    return status.get("phase") in {"Succeeded", "Failed"} or "terminated" in state_of(status)


def state_of(status: Json) -> Json:
    """Return the state of the container that restores; webhooks may have added others."""
    for each in status.get("containerStatuses") or ():
        if each.get("name") == CONTAINER:
            return dict(each.get("state") or {})
    return {}
