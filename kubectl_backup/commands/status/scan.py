"""Reads the status of many sidecars at the same time."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from kubectl_backup.cluster.api import Cluster, Json
from kubectl_backup.cluster.errors import ClusterError, DeniedError
from kubectl_backup.commands.status import rows
from kubectl_backup.workload import sidecar
from kubectl_backup.workload.sidecar import Sidecar

_AT_ONCE = 40  # pods that are read at the same time
_FEW = 10  # pods in which a command is run


def scan(cluster: Cluster, pods: Sequence[Json], warnings: Mapping[str, str]) -> list[rows.Row]:
    """Return a row for each of ``pods``; ``warnings`` are events by the uid of their pod.

    Of many pods the logs are read, which costs a node a hundredth of a command; what was done
    manually in the last half minute may be missing there.
    """
    read = _by_command if len(pods) <= _FEW else _from_log
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda pod: _row(cluster, pod, read, warnings), pods))


def _by_command(part: Sidecar) -> Json:
    """Return the status by a command, or from the log if only logs may be read."""
    try:
        return part.known()
    except DeniedError:
        if found := part.logged():
            return found
        raise


def _from_log(part: Sidecar) -> Json:
    """Return the status from the log, or by a command if the log does not have it."""
    try:
        return part.logged() or part.known()
    except DeniedError:
        return part.known()


def _row(
    cluster: Cluster, pod: Json, read: Callable[[Sidecar], Json], warnings: Mapping[str, str]
) -> rows.Row:
    stall = sidecar.stall_of(cluster, pod, warnings.get(str(pod["metadata"].get("uid")), ""))
    known, trouble = None, ""
    if stall is None:
        try:
            known = read(Sidecar(cluster, pod))
        except ClusterError as error:
            trouble = str(error)
    return rows.row(pod, known, trouble, time.time(), stall)
