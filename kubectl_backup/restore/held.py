"""What a snapshot holds of a folder, by its own listing: what a restore of it may bring."""

import json
from dataclasses import dataclass

from kubectl_backup.cluster import errors, lines
from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.output import formats
from kubectl_backup.restore.writer import Bounds
from kubectl_backup.workload.sidecar import Sidecar

_MOST = 1_000_000_000  # entries; no file system has as many


@dataclass(frozen=True, slots=True)
class Held:
    """A folder or a file of a snapshot."""

    is_folder: bool
    bounds: Bounds


def held_by(part: Sidecar, snapshot: str, path: str, *, whole: bool) -> Held | None:
    """Return what a snapshot holds at a path; None where nothing.

    ``whole``: with all that is below a folder; else with what is directly in it.
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
            raise ClusterError(f"restic ls says what cannot be read: {line[:80]!r}") from error
        entries += 1
        size += max(of_file, 0)
        if entries > _MOST:
            raise ClusterError(f"restic ls lists more than {_MOST} entries")
    if running.end.code:
        said = formats.plain(running.end.said)
        raise ClusterError(errors.of_restic("ls", running.end.code, said))
    return Held(kind == "dir", Bounds(entries, size)) if kind else None
