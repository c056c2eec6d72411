"""`kubectl backup restore`: to a folder here, into another claim, or in place."""

import argparse
import posixpath
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from contract import names
from kubectl_backup import files, formats, listing, replacement, scaling, sidecar, target, unpack
from kubectl_backup import terminal as terminals
from kubectl_backup.cluster import Cluster, ClusterError, Json, NotFoundError, below
from kubectl_backup.replacement import RefusedError
from kubectl_backup.sidecar import Sidecar
from kubectl_backup.terminal import Terminal

_EVERY = 1.0  # seconds between two looks at the pod
_STARTS = 300.0  # seconds in which the pod that restores begins
_SCALERS = "autoscaling/v2"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What to restore: ``folder`` of ``snapshot``, which lies on ``volume``."""

    part: Sidecar
    volume: str
    folder: str
    snapshot: Json
    is_folder: bool
    has_restore: bool
    delete: bool

    @property
    def text(self) -> str:
        """The same for people."""
        short, then = str(self.snapshot["short_id"]), formats.moment(self.snapshot["time"])
        doubt = "; the volume HAD LOST FILES then" if listing.is_doubtful(self.snapshot) else ""
        when = f"{formats.rfc3339(then)}, {formats.age(then, time.time())}{doubt}"
        return f"{self.folder.removeprefix(names.VOLUMES_DIR + '/')} of snapshot {short} ({when})"


def run(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Restore a volume, or a part of it; return 0 where all of it is there."""
    terminals.interruptible()
    part = _part(cluster, parsed.workload)
    claim = replacement.claim(part.pod, parsed.volume) if not parsed.to_local else ""
    folder = listing.inside(posixpath.join(parsed.volume, parsed.path))
    if not f"{folder}/".startswith(f"{names.VOLUMES_DIR}/{parsed.volume}/"):
        raise RefusedError(f"{parsed.path!r} leads out of the volume")
    found = files.all_of(part)
    snapshot = listing.to_restore(
        found, parsed.volume, parsed.snapshot, listing.when(parsed.at, time.time())
    )
    is_folder = _kind(part, snapshot, folder) == "dir"
    # It puts copies of databases back, too, which restic itself does not; older ones lack it.
    has_restore = not part.execute("backup-runner", "restore", "--help").code
    wanted = _Wanted(
        part, parsed.volume, folder, snapshot, is_folder, has_restore, delete=parsed.delete
    )
    if parsed.to_local and parsed.delete:
        raise RefusedError("--delete is for claims: a folder here is yours to empty")
    if parsed.to_local:
        return _to_local(terminal, wanted, Path(parsed.to_local), yes=parsed.yes)
    if parsed.to_pvc:
        return _to_claim(cluster, terminal, wanted, claim, parsed)
    return _in_place(cluster, terminal, wanted, claim, parsed)


def _part(cluster: Cluster, text: str) -> Sidecar:
    parts = sidecar.find_each(cluster, text)
    if len(parts) > 1:
        words = ", ".join(f"pod/{part.name}" for part in parts)
        raise RefusedError(f"each pod of {text} has backups of its own: write one of {words}")
    return parts[0]


def _to_local(terminal: Terminal, wanted: _Wanted, folder: Path, *, yes: bool) -> int:
    """Stream a tar archive, or one file, into a folder of this machine."""
    identifier, name = str(wanted.snapshot["id"]), posixpath.basename(wanted.folder)
    if folder.exists() and not folder.is_dir():
        raise RefusedError(f"{folder} is no folder")
    if folder.exists() and any(folder.iterdir()):
        what = f"{folder} is not empty: files of the same names are overwritten. Go on?"
        terminal.confirm(what, yes=yes)
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def progress(files: int, total: int) -> None:
        spent = formats.span(time.monotonic() - began)
        terminal.progress(f"{files} files, {formats.size(total)}, {spent}")

    if wanted.is_folder:
        tree = f"{identifier}:{wanted.folder}"
        words = ["dump", "--no-lock", "--archive", "tar", tree, "/"]
        running = wanted.part.run("backup-runner", "restic", *words)
        count, total = unpack.unpack(running.chunks, folder, progress)
    else:
        words = ["dump", "--no-lock", identifier, wanted.folder]
        running = wanted.part.run("backup-runner", "restic", *words)
        count, total = 1, 0
        with (folder / name).open("wb") as file:
            for chunk in running.chunks:
                total += file.write(chunk)
                progress(count, total)
    terminal.progress("")
    if running.end.code:
        line = f"NOT ALL of it is there: {formats.plain(running.end.said)}"
        raise ClusterError(line)
    terminal.say(f"restored {wanted.text}: {count} files, {formats.size(total)} in {folder}")
    return 0


def _kind(part: Sidecar, snapshot: Json, folder: str) -> str:
    """Return ``dir`` or another type of restic's; raise ClusterError where there is nothing."""
    for each in part.restic("ls", "--json", "--no-lock", str(snapshot["id"]), folder):
        if each.get("path") == folder:
            return str(each["type"])
    raise ClusterError(f"{folder} is not in this snapshot; see `kubectl backup ls`")


def _to_claim(
    cluster: Cluster,
    terminal: Terminal,
    wanted: _Wanted,
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
    wanted: _Wanted,
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
        f"{_effect(wanted)} {owner} is stopped meanwhile ({count} pods). Go on?",
        yes=parsed.yes,
    )
    with scaling.scaled_down(cluster, terminal, space, owner, workload):
        _refuse_users(cluster, space, claim, None)
        return _restore(cluster, terminal, wanted, claim)


def _effect(wanted: _Wanted) -> str:
    more = "files that the snapshot does not have are DELETED." if wanted.delete else "others stay."
    return f"files of the same names are OVERWRITTEN, {more}"


def _refuse_users(cluster: Cluster, namespace: str, claim: str, owner: target.Owner | None) -> None:
    if others := replacement.users(cluster.pods(namespace), claim, owner):
        who = ", ".join(others)
        raise RefusedError(f"the claim {claim} is in use by pod {who}: stop it first")


def _restore(cluster: Cluster, terminal: Terminal, wanted: _Wanted, claim: str) -> int:
    """Run a pod that restores into ``claim``, and show what it says; return its exit status."""
    pod, space = wanted.part.pod, wanted.part.namespace
    argv = _command(wanted)
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
        line = f"the restore ended with status {code}; what is there may not be all: try again"
        raise ClusterError(line)
    terminal.say(f"restored {wanted.text} into the claim {claim}", "green")
    return 0


def _command(wanted: _Wanted) -> list[str]:
    """Return how the pod restores, which has the same image as the sidecar that runs."""
    if wanted.has_restore:
        words = ["backup-runner", "restore", "--snapshot", str(wanted.snapshot["id"])]
        return [*words, "--path", wanted.folder, *(["--delete"] if wanted.delete else [])]
    folder, more = wanted.folder, ["--delete"] if wanted.delete else []
    if not wanted.is_folder:
        folder, name = posixpath.split(wanted.folder)
        more = ["--include", f"/{replacement.literal(name)}"]
    tree = f"{wanted.snapshot['id']}:{folder}"
    words = ["backup-runner", "restic", "restore", "--retry-lock", "5m", "--exclude", "lost+found"]
    return [*words, *more, "--target", folder, tree]


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
