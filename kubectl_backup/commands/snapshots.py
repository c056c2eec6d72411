"""`kubectl backup snapshots | ls | cat | diff`: what is in a workload's repository."""

import argparse
import sys
import time

from kubectl_backup.cluster import lines
from kubectl_backup.cluster.api import Cluster
from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.cluster.exec import Running
from kubectl_backup.commands import snapshot_table
from kubectl_backup.output import formats
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.workload import sidecar
from kubectl_backup.workload import snapshots as workload_snapshots
from kubectl_backup.workload.sidecar import Sidecar

_COLOURS = {"+": "green", "-": "red", "M": "yellow"}


def snapshots(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """List the snapshots of a workload; return 0."""
    parts = sidecar.find_each(cluster, parsed.workload)
    for part in parts:
        found = _read(part, terminal)
        if not found:
            terminal.tell(f"pod {part.name} has no snapshot yet; run `kubectl backup now`")
            continue
        if len(parts) > 1:
            terminal.tell(f"pod {part.name}:")
        terminal.table(snapshot_table.table(found, time.time()))
    return 0


def show(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """List a folder of a snapshot; return 0."""
    part, folder = sidecar.find(cluster, parsed.workload), workload_snapshots.inside(parsed.path)
    snapshot = workload_snapshots.chosen(_read(part, terminal), parsed.snapshot)
    found = snapshot_table.entries(
        part.restic("ls", "--json", "--no-lock", snapshot, folder), folder
    )
    if not found:
        raise ClusterError(f"{folder} is empty, or not in snapshot {snapshot[:8]}")
    for line in found:
        terminal.say(line)
    return 0


def write(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Write a file of a snapshot to standard output; return 1 if it is not complete."""
    part = sidecar.find(cluster, parsed.workload)
    snapshot = workload_snapshots.chosen(_read(part, terminal), parsed.snapshot)
    words = ("dump", "--no-lock", snapshot, workload_snapshots.inside(parsed.path))
    running = part.run("backup-runner", "restic", *words)
    for chunk in running.chunks:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
    return _reported(running, terminal)


def compare(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Show the differences between two snapshots; return 1 if not all of them are shown."""
    part = sidecar.find(cluster, parsed.workload)
    known = _read(part, terminal)
    both = [workload_snapshots.chosen(known, word) for word in (parsed.snapshot, parsed.other)]
    # As JSON: in restic's text, a newline in a file's name begins a line.
    running = part.run("backup-runner", "restic", "diff", "--json", "--no-lock", *both)
    for line in lines.split(running.chunks):
        text = snapshot_table.difference(line)
        terminal.say(text, _COLOURS.get(text[:1], ""))
    return _reported(running, terminal)


def _read(part: Sidecar, terminal: Terminal) -> list[workload_snapshots.Snapshot]:
    with terminal.progress(f"pod {part.name}: reading the snapshots") as progress:
        progress.show()
        return list(part.snapshots())


def _reported(running: Running, terminal: Terminal) -> int:
    """Report a failed command of restic; return 1 if it failed."""
    if running.end.code:
        said = formats.plain(running.end.said) or f"restic exits with {running.end.code}"
        terminal.tell(f"kubectl backup: {said}")
    return 1 if running.end.code else 0
