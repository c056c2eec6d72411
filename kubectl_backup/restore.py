"""`kubectl backup restore`: to a folder here, into another claim, or in place."""

import argparse
import time
from pathlib import Path
from uuid import uuid4

from contract.wording import counted
from kubectl_backup import formats, local, replacement, scaling, target
from kubectl_backup import terminal as terminals
from kubectl_backup import wanted as wanting
from kubectl_backup.cluster import Cluster, below
from kubectl_backup.refusal import ClusterError, NotFoundError
from kubectl_backup.replacement import RefusedError
from kubectl_backup.terminal import Terminal
from kubectl_backup.wanted import Wanted

_EVERY = 1.0  # seconds between two looks at the pod
_STARTS = 300.0  # seconds in which the pod that restores begins
_SCALERS = "autoscaling/v2"


def run(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Restore a volume, or a part of it; return 0 where all of it is there."""
    terminals.interruptible()
    wanted = wanting.choose(cluster, parsed)
    if parsed.to_local:
        return local.write(terminal, wanted, Path(parsed.to_local), yes=parsed.yes)
    claim = replacement.claim(wanted.part.pod, parsed.volume)
    if parsed.to_pvc:
        return _to_claim(cluster, terminal, wanted, claim, parsed)
    return _in_place(cluster, terminal, wanted, claim, parsed)


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
        cluster.create(below(space, "persistentvolumeclaims"), replacement.twin(own, name))
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
    workload = cluster.get(scaling.path_of(space, owner))
    workload.setdefault("kind", owner.kind)
    path = below(space, "horizontalpodautoscalers", group=_SCALERS)
    scalers = [] if parsed.suspended else cluster.items(path)
    if why := replacement.objection(workload, scalers, suspended=parsed.suspended):
        raise RefusedError(f"{owner}: {why}")
    _refuse_users(cluster, space, claim, owner)
    count = scaling.replicas(workload)
    terminal.confirm(
        f"Restore {wanted.text} in place, into the claim {claim} of {owner} in namespace {space}: "
        f"{_effect(wanted)} {owner} is stopped meanwhile ({counted(count, 'pod')}). Go on?",
        yes=parsed.yes,
    )
    with scaling.scaled_down(cluster, terminal, space, owner, workload):
        _refuse_users(cluster, space, claim, None)
        return _restore(cluster, terminal, wanted, claim)


def _effect(wanted: Wanted) -> str:
    more = "files that the snapshot does not have are DELETED." if wanted.delete else "others stay."
    return f"files of the same names are OVERWRITTEN, {more}"


def _refuse_users(cluster: Cluster, namespace: str, claim: str, owner: target.Owner | None) -> None:
    if others := replacement.users(cluster.pods(namespace), claim, owner):
        who = ", ".join(others)
        raise RefusedError(f"the claim {claim} is in use by pod {who}: stop it first")


def _restore(cluster: Cluster, terminal: Terminal, wanted: Wanted, claim: str) -> int:
    """Run a pod that restores into ``claim``, and show what it says; return its exit status."""
    pod, space = wanted.part.pod, wanted.part.namespace
    argv = wanted.command()
    host = str(wanted.snapshot["hostname"])
    root = replacement.may_be_root(pod, _labels(cluster, space))
    body = replacement.helper(pod, wanted.volume, claim, host, argv, root=root)
    name = f"restore-{pod['metadata']['name'][:200]}-{uuid4().hex[:6]}"
    body["metadata"]["name"] = name
    try:
        cluster.create(below(space, "pods"), body)
        code = _follow(cluster, terminal, space, name)
    finally:
        # The app must not start beside it.
        with terminals.uninterrupted():
            scaling.remove(cluster, space, name)
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


def _follow(cluster: Cluster, terminal: Terminal, namespace: str, name: str) -> int:
    """Wait until the pod has ended; show its log as it comes; return its exit status."""
    path, began, shown = below(namespace, "pods", name), time.monotonic(), 0
    while True:
        status = cluster.get(path).get("status") or {}
        states = [each.get("state") or {} for each in status.get("containerStatuses") or ()]
        state = states[0] if states else {}
        if "running" in state or "terminated" in state:
            for line in list(cluster.text(f"{path}/log", container=replacement.CONTAINER))[shown:]:
                terminal.tell(formats.spoken(line)[0])
                shown += 1
        if "terminated" in state:
            return int(state["terminated"]["exitCode"])
        if status.get("phase") == "Failed":
            raise ClusterError(f"pod {name} failed: {status.get('message', 'no reason given')}")
        waiting = (state.get("waiting") or {}).get("reason", "")
        spent = time.monotonic() - began
        if "running" not in state and spent > _STARTS:
            raise ClusterError(f"pod {name} does not start: {waiting or 'it has no node'}")
        terminal.progress(f"pod {name}: {waiting or 'restoring'}, {formats.span(spent)}")
        time.sleep(_EVERY)
