"""A workload scaled down for a while, and scaled up again whatever happens."""

import time
from collections.abc import Callable
from shlex import quote

from kubectl_backup.cluster.api import Cluster, Json, below
from kubectl_backup.cluster.errors import ClusterError, ConflictError, DeniedError, NotFoundError
from kubectl_backup.output import terminal as terminals
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.restore.helper_pod import CONTAINER, REPLICAS, RefusedError
from kubectl_backup.workload import target
from kubectl_backup.workload.target import Owner

_PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets"}
_EVERY = 0.5  # seconds between two looks
_GONE = 600.0  # seconds in which pods end
_TRIES = 30  # to scale up again
_CHANGES = 5  # of a workload while it is about to be scaled down
_REFUSALS = (DeniedError, NotFoundError, ConflictError)
"""Answers after which nothing has changed; after any other error it may have."""


class LeftError(ClusterError):
    """The pod that restores could not be removed, and may still write into the volume."""


def path_of(namespace: str, owner: Owner) -> str:
    """Return the API path of a workload; raise ClusterError where it cannot be scaled."""
    if owner.kind not in _PLURALS:
        raise ClusterError(
            f"{owner} cannot be scaled down: use --to-pvc or --to-local, or stop it yourself"
        )
    return below(namespace, _PLURALS[owner.kind], owner.name, "apps/v1")


def replicas(workload: Json) -> int:
    """Return how many pods a workload has, or had before a restore that was killed."""
    return noted(workload) or _specified(workload)


def noted(workload: Json) -> int:
    """Return how many pods a workload had that a killed restore left scaled down; else 0."""
    note = (workload["metadata"].get("annotations") or {}).get(REPLICAS, "")
    # Once somebody has scaled it up again, their number counts.
    is_down = not _specified(workload)
    return int(note) if is_down and note.isascii() and note.isdigit() else 0


def _specified(workload: Json) -> int:
    count = workload["spec"].get("replicas")
    return 1 if count is None else int(count)


def command(namespace: str, owner: Owner, count: int) -> str:
    """Return the command that scales a workload, for people to paste."""
    return f"kubectl -n {quote(namespace)} scale {quote(str(owner))} --replicas={quote(str(count))}"


def must_be_down(cluster: Cluster, namespace: str, owner: Owner) -> None:
    """Raise RefusedError where somebody has scaled a workload up; a deleted one has no pods."""
    try:
        workload = cluster.get(path_of(namespace, owner))
    except NotFoundError:
        return
    if _specified(workload):
        raise RefusedError(
            f"{owner} was scaled up by somebody else in the middle: the restore is stopped, NOT "
            "ALL of it is there; find out who scales it, then run the restore again"
        )


class _Stop:
    """A workload that is scaled down, from the first request that may have done so."""

    def __init__(self, cluster: Cluster, terminal: Terminal, namespace: str, owner: Owner) -> None:
        self._cluster = cluster
        self._terminal = terminal
        self._namespace = namespace
        self._owner = owner
        self._path = path_of(namespace, owner)
        self._count = 0
        self._is_down = False

    def down(self, check: Callable[[Json], None]) -> None:
        """Scale it to 0 if ``check`` lets it, as it is now, and wait until its pods are gone."""
        for left in reversed(range(_CHANGES)):
            workload = self._cluster.get(self._path)
            check(workload)
            try:
                self._scale_down(workload)
            except ConflictError:  # somebody has changed it: look again
                if not left:
                    raise
                time.sleep(1)
            else:
                break
        self._terminal.tell(f"{self._owner}: scaled down from {self._count}")
        _await(lambda: not self._pods(), f"the pods of {self._owner} are gone")

    def _scale_down(self, workload: Json) -> None:
        self._count = replicas(workload)
        # How many there were stands at the workload, should we be killed.
        meta = {"annotations": {REPLICAS: str(self._count)}}
        meta |= {"resourceVersion": workload["metadata"].get("resourceVersion")}
        self._is_down = True
        try:
            self._cluster.patch(self._path, {"metadata": meta, "spec": {"replicas": 0}})
        except _REFUSALS:
            self._is_down = False
            raise

    def work(self, work: Callable[[], int]) -> int:
        """Do ``work``; where it leaves a pod that may write, let the workload be as it is."""
        try:
            return work()
        except LeftError as error:
            self._is_down = False
            again = command(self._namespace, self._owner, self._count)
            raise ClusterError(f"{error}; then scale {self._owner} up: {again}") from error

    def up(self) -> None:
        """Scale it up again if it may be down."""
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

    ``check`` is called with the workload right before it is scaled down, and raises what speaks
    against it. Return what ``work`` returns.
    """
    stop = _Stop(cluster, terminal, namespace, owner)

    def all_of_it() -> int:
        stop.down(check)
        return stop.work(work)

    return terminals.finishing(terminal, all_of_it, stop.up)


def scale_up(cluster: Cluster, namespace: str, owner: Owner, count: int) -> None:
    """Scale up a workload that a killed restore left scaled down."""
    change = {"metadata": {"annotations": {REPLICAS: None}}, "spec": {"replicas": count}}
    cluster.patch(path_of(namespace, owner), change)


def remove(cluster: Cluster, terminal: Terminal, namespace: str, pod: str) -> None:
    """Delete a pod and wait until it is gone, so that its volumes are free.

    Raise LeftError where it is still there and has not ended.
    """
    path, end = below(namespace, "pods", pod), time.monotonic() + _GONE
    missing = False
    while True:
        try:
            cluster.delete(path)
            why = f"it is still there after {_GONE:.0f} s"
        except NotFoundError as error:
            if missing:  # twice: much hangs on it
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
        raise LeftError(f"{line} and may still write into the volume; delete it: {delete}")
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
    """Return the state of the container that restores: others may have been added to its pod."""
    for each in status.get("containerStatuses") or ():
        if each.get("name") == CONTAINER:
            return dict(each.get("state") or {})
    return {}


def _await(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _GONE
    while not condition():
        if time.monotonic() > end:
            raise ClusterError(f"waited {_GONE:.0f} s in vain until {what}")
        time.sleep(_EVERY)
