"""Recovers from a killed restore: its workload is scaled down, so no sidecar can be asked."""

import argparse
import time
from shlex import quote

from kubectl_backup.cluster.api import Cluster, Json, below
from kubectl_backup.cluster.errors import ClusterError, NotFoundError
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.restore import helper_pod, scaling
from kubectl_backup.restore.preflight import RefusedError
from kubectl_backup.workload import target
from kubectl_backup.workload.target import Owner, Reference

_EVERY = 1.0  # seconds between two checks
_STARTS = 300.0  # seconds in which its sidecar starts
_KINDS = ("Deployment", "StatefulSet")


def started(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> bool:
    """Start a workload that a killed restore left scaled down, and wait until its sidecar runs.

    Return False if no such workload exists; raise RefusedError while a pod restores it.
    """
    reference, space = target.parse(parsed.workload), cluster.namespace
    for owner in _owners(reference):
        try:
            workload = cluster.get(scaling.path_of(space, owner))
        except NotFoundError:
            continue
        if count := scaling.noted(workload):
            _remove_ended(cluster, terminal, owner)
            terminal.confirm(
                f"A restore of {owner} was killed: it is scaled down from {count}, and its files "
                f"may be partly restored. {owner} is started first, because its sidecar lists the "
                "snapshots. Continue?",
                yes=parsed.yes,
            )
            scaling.scale_up(cluster, space, owner, count)
            terminal.tell(f"{owner}: scaled up to {count}, waiting for its sidecar")
            _await_sidecar(cluster, reference, owner)
            return True
    return False


def _owners(reference: Reference) -> list[Owner]:
    """Return the workloads without pods that match a reference."""
    if reference.kind in _KINDS:
        return [Owner(reference.kind, reference.name)]
    above, _, number = reference.name.rpartition("-")
    numbered = [Owner("StatefulSet", above)] if above and number.isdigit() else []
    named = [Owner(kind, reference.name) for kind in _KINDS] if not reference.kind else []
    return [*named, *numbered]


def _remove_ended(cluster: Cluster, terminal: Terminal, owner: Owner) -> None:
    """Delete the pods that restored ``owner``; raise RefusedError if one may still run."""
    space = cluster.namespace
    ours = "app.kubernetes.io/managed-by=kubectl-backup"
    for pod in cluster.items(below(space, "pods"), labelSelector=ours):
        name = str(pod["metadata"]["name"])
        if target.annotations(pod).get(helper_pod.WORKLOAD) != str(owner):
            continue
        if not _has_ended(pod):
            raise RefusedError(
                f"pod {name} restores {owner}: wait until it has ended, then try again; if nobody "
                f"else started it: kubectl -n {quote(space)} delete pod {quote(name)}"
            )
        scaling.remove(cluster, terminal, space, name)


def _has_ended(pod: Json) -> bool:
    status = pod.get("status") or {}
    return status.get("phase") in {"Succeeded", "Failed"} or "terminated" in scaling.state_of(
        status
    )


def _await_sidecar(cluster: Cluster, reference: Reference, owner: Owner) -> None:
    end = time.monotonic() + _STARTS
    while True:
        try:
            first = target.matching(reference, cluster.pods(), cluster.place)[0]
        except target.TargetError:  # its controller has not created them yet
            first = None
        if first is not None and target.running(first) and target.lasting(first):
            return
        if time.monotonic() > end:
            raise ClusterError(
                f"the sidecar of {owner} does not start; `kubectl backup doctor "
                f"{quote(str(owner))}` may find "
                "why, then run the restore again"
            )
        time.sleep(_EVERY)
