"""Asks many sidecars at once what they know."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from kubectl_backup.cluster.api import Cluster, Json
from kubectl_backup.cluster.errors import ClusterError, DeniedError
from kubectl_backup.commands import status_table
from kubectl_backup.workload import sidecar
from kubectl_backup.workload.sidecar import Sidecar

_AT_ONCE = 40  # pods that are asked at the same time
_FEW = 10  # pods that are asked themselves


def survey(
    cluster: Cluster, pods: Sequence[Json], warnings: Mapping[str, str]
) -> list[status_table.Row]:
    """Ask the sidecars of all ``pods`` at once; return a row for each.

    Where they are many their logs are read, which costs a node a hundredth of a command; what
    was done by hand in the last half minute may be missing there. ``warnings`` are events by the
    uid of their pod.
    """
    ask = _known if len(pods) <= _FEW else _overheard
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda pod: _row(cluster, pod, ask, warnings), pods))


def _known(part: Sidecar) -> Json:
    """Ask a sidecar; whoever may only read logs reads its log."""
    try:
        return part.known()
    except DeniedError:
        if found := part.overheard():
            return found
        raise


def _overheard(part: Sidecar) -> Json:
    """Read a sidecar's log, or ask it where that says nothing (any more)."""
    try:
        return part.overheard() or part.known()
    except DeniedError:
        return part.known()


def _row(
    cluster: Cluster, pod: Json, ask: Callable[[Sidecar], Json], warnings: Mapping[str, str]
) -> status_table.Row:
    stall = sidecar.stall_of(cluster, pod, warnings.get(str(pod["metadata"].get("uid")), ""))
    known, trouble = None, ""
    if stall is None:
        try:
            known = ask(Sidecar(cluster, pod))
        except ClusterError as error:
            trouble = str(error)
    return status_table.row(pod, known, trouble, time.time(), stall)
