"""`kubectl backup restore`: to a folder here, into another claim, or in place."""

import argparse
from pathlib import Path
from uuid import uuid4

from contract.text import counted
from kubectl_backup.cluster.api import Cluster, Json, below
from kubectl_backup.cluster.errors import ClusterError, NotFoundError
from kubectl_backup.output import terminal as terminals
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.restore import helper_pod, local, recover, scaling
from kubectl_backup.restore import selection as wanting
from kubectl_backup.restore.follow import Helper
from kubectl_backup.restore.helper_pod import RefusedError
from kubectl_backup.restore.selection import Wanted
from kubectl_backup.workload import target
from kubectl_backup.workload.target import Owner

_SCALERS = "autoscaling/v2"


def run(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Restore a volume, or a part of it; return 0 where all of it is there."""
    terminals.interruptible()
    wanted = _wanted(cluster, terminal, parsed)
    if parsed.to_local:
        return local.write(terminal, wanted, Path(parsed.to_local), yes=parsed.yes)
    claim = helper_pod.claim(wanted.part.pod, parsed.volume)
    if parsed.to_pvc:
        return _to_claim(cluster, terminal, wanted, claim, parsed)
    return _in_place(cluster, terminal, wanted, claim, parsed)


def _wanted(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> Wanted:
    """Return what is to be restored; start a workload first that a killed restore left stopped."""
    try:
        return wanting.choose(cluster, parsed)
    except target.TargetError:
        if not parsed.in_place or not recover.started(cluster, terminal, parsed):
            raise
    return wanting.choose(cluster, parsed)


def _to_claim(
    cluster: Cluster,
    terminal: Terminal,
    wanted: Wanted,
    claim: str,
    parsed: argparse.Namespace,
) -> int:
    """Restore into another claim, which is made like the volume's own where it is not there."""
    space, name = wanted.part.namespace, str(parsed.to_pvc)
    if name == claim:
        raise RefusedError(f"{claim} is the volume's own claim: use --in-place")
    try:
        cluster.get(below(space, "persistentvolumeclaims", name))
        is_new = False
    except NotFoundError:
        is_new = True
    if not is_new:
        _refuse_users(cluster, space, name, None)
        what = f"Restore {wanted.text} into the claim {name}, which is there: {_effect(wanted)}"
        terminal.confirm(f"{what} Go on?", yes=parsed.yes)
    else:
        own = cluster.get(below(space, "persistentvolumeclaims", claim))
        cluster.create(below(space, "persistentvolumeclaims"), helper_pod.twin(own, name))
        terminal.tell(f"claim {name}: created like {claim}")
    return _restore(cluster, terminal, wanted, name)


def _in_place(
    cluster: Cluster,
    terminal: Terminal,
    wanted: Wanted,
    claim: str,
    parsed: argparse.Namespace,
) -> int:
    """Restore into the volume itself, while nothing else uses it."""
    space, owner = wanted.part.namespace, target.owner(wanted.part.pod)

    def check(workload: Json) -> None:
        _refuse(cluster, owner, workload, suspended=parsed.suspended)
        _refuse_users(cluster, space, claim, owner)

    workload = cluster.get(scaling.path_of(space, owner))
    check(workload)
    terminal.confirm(
        f"Restore {wanted.text} in place, into the claim {claim} of {owner} in namespace {space}: "
        f"{_effect(wanted)} {owner} is stopped meanwhile "
        f"({counted(scaling.replicas(workload), 'pod')}). Go on?",
        yes=parsed.yes,
    )

    def restore() -> int:
        return _restore(cluster, terminal, wanted, claim, owner)

    return scaling.while_scaled_down(cluster, terminal, space, owner, check, restore)


def _refuse(cluster: Cluster, owner: Owner, workload: Json, *, suspended: bool) -> None:
    """Raise RefusedError where a workload must not be scaled down."""
    space = str(workload["metadata"]["namespace"])
    path = below(space, "horizontalpodautoscalers", group=_SCALERS)
    scalers = [] if suspended else cluster.items(path)
    named = {"kind": owner.kind, **workload}
    if why := helper_pod.objection(named, scalers, suspended=suspended):
        raise RefusedError(f"{owner}: {why}")


def _effect(wanted: Wanted) -> str:
    more = "files that the snapshot does not have are DELETED." if wanted.delete else "others stay."
    return f"files of the same names are OVERWRITTEN, {more}"


def _refuse_users(cluster: Cluster, namespace: str, claim: str, owner: Owner | None) -> None:
    if others := helper_pod.users(cluster.pods(namespace), claim, owner):
        who = ", ".join(others)
        raise RefusedError(f"the claim {claim} is in use by pod {who}: stop it first")


def _restore(
    cluster: Cluster,
    terminal: Terminal,
    wanted: Wanted,
    claim: str,
    stopped: Owner | None = None,
) -> int:
    """Run a pod that restores into ``claim``, and show what it says; return its exit status.

    ``stopped`` is the workload that must not start meanwhile.
    """
    pod, space = wanted.part.pod, wanted.part.namespace
    argv = wanted.command()
    host = str(wanted.snapshot["hostname"])
    root = helper_pod.may_be_root(pod, _labels(cluster, space))
    body = helper_pod.helper(pod, wanted.volume, claim, host, argv, root=root)
    name = f"restore-{pod['metadata']['name'][:200]}-{uuid4().hex[:6]}"
    body["metadata"]["name"] = name
    body["metadata"]["annotations"] = {helper_pod.WORKLOAD: str(target.owner(pod))}
    _refuse_users(cluster, space, claim, None)
    if stopped is not None:
        scaling.must_be_down(cluster, space, stopped)
    helper = Helper(cluster, terminal, space, name, stopped)
    code = terminals.finishing(terminal, lambda: helper.run(body), helper.remove)
    if code:
        line = f"the restore ended with status {code}: NOT ALL of it is there; its log says what"
        raise ClusterError(line)
    terminal.say(f"restored {wanted.text} into the claim {claim}", "green")
    return 0


def _labels(cluster: Cluster, namespace: str) -> dict[str, str]:
    try:
        found = cluster.get(below("", "namespaces", namespace))
    except ClusterError:
        return {"pod-security.kubernetes.io/enforce": "restricted"}  # nobody knows
    return dict(found["metadata"].get("labels") or {})
