"""`kubectl backup restore`: into a folder of this machine, another claim, or the volume itself."""

import argparse
from pathlib import Path
from uuid import uuid4

from contract.text import counted
from kubectl_backup.cluster.api import Cluster, Json, below
from kubectl_backup.cluster.errors import ClusterError, NotFoundError
from kubectl_backup.output import interrupts
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.restore import helper_pod, local, preflight, recover, scaling, selection
from kubectl_backup.restore.follow import Helper
from kubectl_backup.restore.preflight import RefusedError
from kubectl_backup.restore.selection import Selection
from kubectl_backup.workload import target
from kubectl_backup.workload.target import Owner


def run(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Restore a volume, or a part of it; return 0 if the restore is complete."""
    interrupts.interruptible()
    chosen = _chosen(cluster, terminal, parsed)
    if parsed.to_local:
        return local.write(terminal, chosen, Path(parsed.to_local), yes=parsed.yes)
    claim = preflight.claim(chosen.part.pod, parsed.volume)
    if parsed.to_pvc:
        return _to_claim(cluster, terminal, chosen, claim, parsed)
    return _in_place(cluster, terminal, chosen, claim, parsed)


def _chosen(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> Selection:
    """Return what to restore; first start a workload that a killed restore left scaled down."""
    try:
        return selection.choose(cluster, terminal, parsed)
    except target.TargetError:
        if not parsed.in_place or not recover.started(cluster, terminal, parsed):
            raise
    return selection.choose(cluster, terminal, parsed)


def _to_claim(
    cluster: Cluster, terminal: Terminal, chosen: Selection, claim: str, parsed: argparse.Namespace
) -> int:
    """Restore into another claim; create it like the volume's own if it does not exist."""
    space, name = chosen.part.namespace, str(parsed.to_pvc)
    if name == claim:
        raise RefusedError(f"{claim} is the volume's own claim: use --in-place")
    try:
        cluster.get(below(space, "persistentvolumeclaims", name))
        is_new = False
    except NotFoundError:
        is_new = True
    if not is_new:
        preflight.refuse_users(cluster, space, name, None)
        what = f"Restore {chosen.text} into the existing claim {name}: {_effect(chosen)}"
        terminal.confirm(f"{what} Continue?", yes=parsed.yes)
    else:
        own = cluster.get(below(space, "persistentvolumeclaims", claim))
        cluster.create(below(space, "persistentvolumeclaims"), helper_pod.twin(own, name))
        terminal.tell(f"claim {name}: created like {claim}")
    return _restore(cluster, terminal, chosen, name)


def _in_place(
    cluster: Cluster, terminal: Terminal, chosen: Selection, claim: str, parsed: argparse.Namespace
) -> int:
    """Restore into the volume itself while its workload is scaled down."""
    space, owner = chosen.part.namespace, target.owner(chosen.part.pod)

    def check(workload: Json) -> None:
        preflight.refuse_scaled(cluster, owner, workload, suspended=parsed.suspended)
        preflight.refuse_users(cluster, space, claim, owner)

    workload = cluster.get(scaling.path_of(space, owner))
    check(workload)
    terminal.confirm(
        f"Restore {chosen.text} in place, into the claim {claim} of {owner} in namespace {space}: "
        f"{_effect(chosen)} {owner} is scaled down during the restore "
        f"({counted(scaling.replicas(workload), 'pod')}). Continue?",
        yes=parsed.yes,
    )

    def restore() -> int:
        return _restore(cluster, terminal, chosen, claim, owner)

    return scaling.while_scaled_down(cluster, terminal, space, owner, check, restore)


def _effect(chosen: Selection) -> str:
    more = "files that the snapshot does not have are DELETED." if chosen.delete else "others stay."
    return f"files of the same names are OVERWRITTEN, {more}"


def _restore(
    cluster: Cluster,
    terminal: Terminal,
    chosen: Selection,
    claim: str,
    stopped: Owner | None = None,
) -> int:
    """Run a pod that restores into ``claim`` and show its log; return 0 if it is complete.

    ``stopped`` is the workload that must not start during the restore.
    """
    pod, space = chosen.part.pod, chosen.part.namespace
    argv, host = chosen.command(), str(chosen.snapshot["hostname"])
    root = helper_pod.may_be_root(pod, _labels(cluster, space))
    body = helper_pod.helper(pod, chosen.volume, claim, host, argv, root=root)
    name = f"restore-{pod['metadata']['name'][:200]}-{uuid4().hex[:6]}"
    body["metadata"]["name"] = name
    body["metadata"]["annotations"] = {helper_pod.WORKLOAD: str(target.owner(pod))}
    preflight.refuse_users(cluster, space, claim, None)
    if stopped is not None:
        scaling.must_be_down(cluster, space, stopped)
    helper = Helper(cluster, terminal, space, name, stopped)
    code = interrupts.finishing(terminal, lambda: helper.run(body), helper.remove)
    if code:
        line = f"the restore exits with status {code} and is INCOMPLETE; its log above says why"
        raise ClusterError(line)
    terminal.say(f"restored {chosen.text} into the claim {claim}", "green")
    return 0


def _labels(cluster: Cluster, namespace: str) -> dict[str, str]:
    try:
        found = cluster.get(below("", "namespaces", namespace))
    except ClusterError:
        return {"pod-security.kubernetes.io/enforce": "restricted"}  # unknown: assume the worst
    return dict(found["metadata"].get("labels") or {})
