"""A workload scaled down for a while, and scaled up again whatever happens."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kubectl_backup import target
from kubectl_backup.cluster import Cluster, Json, below
from kubectl_backup.refusal import ClusterError, NotFoundError
from kubectl_backup.replacement import REPLICAS
from kubectl_backup.target import Owner
from kubectl_backup.terminal import Terminal, uninterrupted

_PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets"}
_EVERY = 0.5  # seconds between two looks
_GONE = 600.0  # seconds in which pods end
_TRIES = 30  # to scale up again


def path_of(namespace: str, owner: Owner) -> str:
    """Return the API path of a workload; raise ClusterError where it cannot be scaled."""
    if owner.kind not in _PLURALS:
        raise ClusterError(
            f"{owner} cannot be scaled down: use --to-pvc or --to-local, or stop it yourself"
        )
    return below(namespace, _PLURALS[owner.kind], owner.name, "apps/v1")


def replicas(workload: Json) -> int:
    """Return how many pods a workload has, or had before a restore that was broken off."""
    noted = (workload["metadata"].get("annotations") or {}).get(REPLICAS, "")
    count = workload["spec"].get("replicas")
    return int(noted) if noted.isdigit() else 1 if count is None else int(count)


@contextmanager
def scaled_down(
    cluster: Cluster, terminal: Terminal, namespace: str, owner: Owner, workload: Json
) -> Iterator[None]:
    """Scale a workload to 0 and wait until its pods are gone; scale it up again afterwards."""
    path, count = path_of(namespace, owner), replicas(workload)
    try:
        # How many there were stands at the workload, should we be killed.
        _scale(cluster, path, 0, str(count))
        terminal.tell(f"{owner}: scaled down from {count}")
        _await(lambda: not _pods(cluster, namespace, owner), f"the pods of {owner} are gone")
        yield
    finally:
        with uninterrupted():
            _scale_up(cluster, terminal, path, owner, count)


def _scale_up(cluster: Cluster, terminal: Terminal, path: str, owner: Owner, count: int) -> None:
    for left in reversed(range(_TRIES)):
        try:
            _scale(cluster, path, count, None)
        except ClusterError as error:
            if not left:
                terminal.tell(f"{owner} is still scaled down: {error}; scale it to {count}")
                raise
            time.sleep(1)
        else:
            terminal.tell(f"{owner}: scaled up to {count}")
            return


def _scale(cluster: Cluster, path: str, count: int, note: str | None) -> None:
    noted = {"annotations": {REPLICAS: note}}
    cluster.patch(path, {"metadata": noted, "spec": {"replicas": count}})


def _pods(cluster: Cluster, namespace: str, owner: Owner) -> list[Json]:
    return [
        pod
        for pod in cluster.pods(namespace)
        if target.owner(pod) == owner
        and (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
    ]


def remove(cluster: Cluster, namespace: str, pod: str) -> None:
    """Delete a pod and wait until it is gone, so that its volumes are free."""
    path = below(namespace, "pods", pod)

    def gone() -> bool:
        try:
            cluster.delete(path)
        except NotFoundError:
            return True
        except ClusterError:
            pass  # it may be there again in a moment
        return False

    _await(gone, f"pod {pod} is gone")


def _await(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _GONE
    while not condition():
        if time.monotonic() > end:
            raise ClusterError(f"waited {_GONE:.0f} s in vain until {what}")
        time.sleep(_EVERY)
