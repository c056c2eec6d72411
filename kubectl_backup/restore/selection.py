"""What somebody wants back: which files, of which snapshot."""

import argparse
import posixpath
import time
from dataclasses import dataclass, field
from shlex import quote

from contract import names
from contract.snapshots import COPIES
from kubectl_backup.cluster.api import Cluster, Json
from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.output import formats
from kubectl_backup.restore import helper_pod
from kubectl_backup.restore.held import held_by
from kubectl_backup.restore.helper_pod import RefusedError
from kubectl_backup.restore.writer import Bounds
from kubectl_backup.workload import sidecar
from kubectl_backup.workload import snapshots as workload_snapshots
from kubectl_backup.workload.sidecar import Sidecar

_COPIES = f"{names.STATE_DIR}/{COPIES}"
"""Where a snapshot has copies of databases, each below its original path."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``folder`` (or file) of ``snapshot``, on ``volume``.

    ``sources`` are the folders and files of the snapshot that make it up: whether each is a
    folder. ``has_restore``: the sidecar's image has a restore of its own. ``bounds`` say how much
    there is of each source; what comes here is no more than that.
    """

    part: Sidecar
    volume: str
    folder: str
    snapshot: Json
    sources: dict[str, bool]
    has_restore: bool
    delete: bool
    bounds: dict[str, Bounds] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The same for people."""
        short, then = str(self.snapshot["short_id"]), formats.moment(self.snapshot["time"])
        doubt = (
            "; the volume HAD LOST FILES then"
            if workload_snapshots.is_doubtful(self.snapshot)
            else ""
        )
        when = f"{formats.rfc3339(then)}, {formats.age(then, time.time())}{doubt}"
        return f"{self.folder.removeprefix(names.VOLUMES_DIR + '/')} of snapshot {short} ({when})"

    def command(self) -> list[str]:
        """Return how a pod with the sidecar's image restores it."""
        identifier = str(self.snapshot["id"])
        if self.has_restore:
            words = ["backup-runner", "restore", "--snapshot", identifier, "--path", self.folder]
            return [*words, *(["--delete"] if self.delete else [])]
        folder, more = self.folder, ["--delete"] if self.delete else []
        if not self.sources.get(folder):
            folder, name = posixpath.split(folder)
            more = ["--include", f"/{helper_pod.literal(name)}"]
        words = ["backup-runner", "restic", "restore", "--retry-lock", "5m"]
        left_out = ["--exclude", "lost+found"]
        return [*words, *left_out, *more, "--target", folder, f"{identifier}:{folder}"]


def choose(cluster: Cluster, parsed: argparse.Namespace) -> Wanted:
    """Return what the command line asks for; raise what says why there is no such thing."""
    if parsed.to_local and parsed.delete:
        raise RefusedError("--delete is for claims: a folder here is yours to empty")
    part = sidecar.find_one(cluster, parsed.workload)
    if not parsed.to_local:
        helper_pod.claim(part.pod, parsed.volume)
    folder = workload_snapshots.inside(posixpath.join(parsed.volume, parsed.path))
    if not f"{folder}/".startswith(f"{names.VOLUMES_DIR}/{parsed.volume}/"):
        raise RefusedError(f"{parsed.path!r} leads out of the volume")
    moment = workload_snapshots.when(parsed.at, time.time())
    snapshot = workload_snapshots.to_restore(
        sidecar.all_of(part), parsed.volume, parsed.snapshot, moment
    )
    # It puts copies of databases back, too, which restic itself does not; older ones lack it.
    has_restore = not part.execute("backup-runner", "restore", "--help").code
    sources, bounds = _sources(part, snapshot, folder, whole=bool(parsed.to_local))
    delete = bool(parsed.delete)
    return Wanted(part, parsed.volume, folder, snapshot, sources, has_restore, delete, bounds)


def _sources(
    part: Sidecar, snapshot: Json, folder: str, *, whole: bool
) -> tuple[dict[str, bool], dict[str, Bounds]]:
    """Return what there is of a folder in a snapshot, and of copies of databases in it.

    ``whole``: and how much there is in all.
    """
    copied = any(str(path).startswith(_COPIES) for path in snapshot.get("paths") or ())
    found: dict[str, bool] = {}
    bounds: dict[str, Bounds] = {}
    for path in (folder, *([f"{_COPIES}{folder}"] if copied else [])):
        held = held_by(part, str(snapshot["id"]), path, whole=whole)
        if held is not None:
            found[path], bounds[path] = held.is_folder, held.bounds
    if not found:
        identifier = str(snapshot["short_id"])
        volume = folder.removeprefix(f"{names.VOLUMES_DIR}/").partition("/")[0]
        look = f"`kubectl backup ls WORKLOAD {quote(identifier)} {quote(volume)}` shows what is"
        raise ClusterError(f"{folder} is not in snapshot {identifier}; {look}")
    return found, bounds
