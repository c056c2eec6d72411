"""What is to be restored: which files, of which snapshot."""

import argparse
import json
import posixpath
import time
from dataclasses import dataclass, field
from shlex import quote

from contract import names
from contract.snapshots import COPIES
from contract.text import counted
from kubectl_backup.cluster import errors, lines
from kubectl_backup.cluster.api import Cluster, Json
from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.output import formats
from kubectl_backup.output.progress import Progress
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.restore import helper_pod, preflight
from kubectl_backup.restore.archive.writer import Bounds
from kubectl_backup.restore.preflight import RefusedError
from kubectl_backup.workload import sidecar
from kubectl_backup.workload import snapshots as workload_snapshots
from kubectl_backup.workload.sidecar import Sidecar

_COPIES = f"{names.STATE_DIR}/{COPIES}"
"""Where a snapshot has copies of databases, each below its original path."""
_MOST = 1_000_000_000  # entries; no file system has as many
_SHOWN_EACH = 1000  # entries between two updates of the progress


@dataclass(frozen=True, slots=True)
class Content:
    """A folder or a file of a snapshot, and how much it holds."""

    is_folder: bool
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Selection:
    """``folder`` (or file) of ``snapshot``, on ``volume``.

    ``sources`` are the paths of the snapshot that make it up. ``has_restore``: the sidecar's image
    has the command `restore`; older ones do not.
    """

    part: Sidecar
    volume: str
    folder: str
    snapshot: Json
    sources: dict[str, Content] = field(default_factory=dict)
    has_restore: bool = True
    delete: bool = False

    @property
    def text(self) -> str:
        """The selection in words."""
        short, then = str(self.snapshot["short_id"]), formats.moment(self.snapshot["time"])
        is_doubtful = workload_snapshots.is_doubtful(self.snapshot)
        doubt = "; the volume HAD LOST FILES then" if is_doubtful else ""
        when = f"{formats.rfc3339(then)}, {formats.age(then, time.time())}{doubt}"
        return f"{self.folder.removeprefix(names.VOLUMES_DIR + '/')} of snapshot {short} ({when})"

    @property
    def size(self) -> int:
        """How many bytes its files have, as far as they were listed."""
        return sum(each.bounds.size for each in self.sources.values())

    def command(self) -> list[str]:
        """Return the command that restores it in a pod with the sidecar's image."""
        identifier = str(self.snapshot["id"])
        if self.has_restore:
            words = ["backup-runner", "restore", "--snapshot", identifier, "--path", self.folder]
            return [*words, *(["--delete"] if self.delete else [])]
        folder, more = self.folder, ["--delete"] if self.delete else []
        if folder not in self.sources or not self.sources[folder].is_folder:
            folder, name = posixpath.split(folder)
            more = ["--include", f"/{helper_pod.literal(name)}"]
        words = ["backup-runner", "restic", "restore", "--retry-lock", "5m"]
        left_out = ["--exclude", "lost+found"]
        return [*words, *left_out, *more, "--target", folder, f"{identifier}:{folder}"]


def choose(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> Selection:
    """Return the selection of the command line; raise an error that says why nothing matches."""
    if parsed.to_local and parsed.delete:
        raise RefusedError("--delete works with --to-pvc and --in-place only; empty DIR yourself")
    part = sidecar.find_one(cluster, parsed.workload)
    if not parsed.to_local:
        preflight.claim(part.pod, parsed.volume)
    folder = workload_snapshots.inside(posixpath.join(parsed.volume, parsed.path))
    if not f"{folder}/".startswith(f"{names.VOLUMES_DIR}/{parsed.volume}/"):
        raise RefusedError(f"--path {parsed.path!r} leads out of the volume")
    moment = workload_snapshots.when(parsed.at, time.time())
    with terminal.progress(f"pod {part.name}: reading the snapshots") as progress:
        progress.show()
        snapshot = workload_snapshots.to_restore(
            part.snapshots(), parsed.volume, parsed.snapshot, moment
        )
        # Its own restore also restores copies of databases, which restic's does not.
        has_restore = not part.execute("backup-runner", "restore", "--help").code
        sources = _sources(part, snapshot, folder, progress, whole=bool(parsed.to_local))
    return Selection(
        part, parsed.volume, folder, snapshot, sources, has_restore, bool(parsed.delete)
    )


def _sources(
    part: Sidecar, snapshot: Json, folder: str, progress: Progress, *, whole: bool
) -> dict[str, Content]:
    """Return the content of a folder in a snapshot, and of copies of databases in it, by path."""
    copied = any(str(path).startswith(_COPIES) for path in snapshot.get("paths") or ())
    found: dict[str, Content] = {}
    for path in (folder, *([f"{_COPIES}{folder}"] if copied else [])):
        held = content_of(part, str(snapshot["id"]), path, progress, whole=whole)
        if held is not None:
            found[path] = held
    if not found:
        identifier = str(snapshot["short_id"])
        volume = folder.removeprefix(f"{names.VOLUMES_DIR}/").partition("/")[0]
        look = f"`kubectl backup ls WORKLOAD {quote(identifier)} {quote(volume)}` lists its files"
        raise ClusterError(f"{folder} is not in snapshot {identifier}; {look}")
    return found


def content_of(
    part: Sidecar, snapshot: str, path: str, progress: Progress, *, whole: bool
) -> Content | None:
    """Return the node at a path of a snapshot; None if there is none.

    ``whole``: count everything below a folder, else only what is directly in it.
    """
    words = ("ls", "--json", "--no-lock", *(["--recursive"] if whole else []), snapshot, path)
    running = part.run("backup-runner", "restic", *words)
    kind, entries, size = "", 0, 0
    for line in lines.split(running.chunks):
        if not line.startswith(b"{"):
            continue
        try:
            node = json.loads(line)
            if not f"{node.get('path')}/".startswith(f"{path}/"):
                continue  # the snapshot itself, or a folder above
            of_file = int(node.get("size") or 0) if node["type"] == "file" else 0
            kind = str(node["type"]) if node["path"] == path else kind
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ClusterError(f"restic ls: cannot parse {line[:80]!r}") from error
        entries += 1
        size += max(of_file, 0)
        if entries > _MOST:
            raise ClusterError(f"restic ls lists more than {_MOST} entries")
        if not entries % _SHOWN_EACH:
            progress.show(counted(entries, "file"))
    if running.end.code:
        said = formats.plain(running.end.said)
        raise ClusterError(errors.of_restic("ls", running.end.code, said))
    return Content(kind == "dir", Bounds(entries, size)) if kind else None
