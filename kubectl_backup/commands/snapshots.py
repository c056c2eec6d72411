"""`kubectl backup snapshots | ls | cat | diff`: what is in the repository of a workload."""

import argparse
import sys
import time

from kubectl_backup.cluster import lines
from kubectl_backup.cluster.api import Cluster
from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.commands import snapshot_table
from kubectl_backup.output import formats, table
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.workload import sidecar
from kubectl_backup.workload import snapshots as workload_snapshots

_COLOURS = {"+": "green", "-": "red", "M": "yellow"}


def snapshots(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """List the snapshots of a workload."""
    parts = sidecar.find_each(cluster, parsed.workload)
    for part in parts:
        found = sidecar.all_of(part)
        if not found:
            terminal.tell(f"pod {part.name} has no snapshot yet; `kubectl backup now` makes one")
            continue
        if len(parts) > 1:
            terminal.tell(f"pod {part.name}:")
        rows = snapshot_table.table(found, time.time())
        for line in table.render(
            snapshot_table.HEADER, rows, "", terminal.width, paint=terminal.paint
        ):
            terminal.show(line)
    return 0


def show(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """List a folder of a snapshot."""
    part, folder = sidecar.find(cluster, parsed.workload), workload_snapshots.inside(parsed.path)
    snapshot = workload_snapshots.chosen(sidecar.all_of(part), parsed.snapshot)
    found = snapshot_table.entries(
        part.restic("ls", "--json", "--no-lock", snapshot, folder), folder
    )
    if not found:
        raise ClusterError(f"{folder} is empty, or not in snapshot {snapshot[:8]}")
    for line in found:
        terminal.say(line)
    return 0


def write(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Write a file of a snapshot to standard output, as it is."""
    part = sidecar.find(cluster, parsed.workload)
    snapshot = workload_snapshots.chosen(sidecar.all_of(part), parsed.snapshot)
    words = ("dump", "--no-lock", snapshot, workload_snapshots.inside(parsed.path))
    running = part.run("backup-runner", "restic", *words)
    for chunk in running.chunks:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
    if running.end.code:
        terminal.tell(f"kubectl backup: {formats.plain(running.end.said)}")
    return 1 if running.end.code else 0


def compare(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Show what differs between two snapshots."""
    part = sidecar.find(cluster, parsed.workload)
    known = sidecar.all_of(part)
    both = [workload_snapshots.chosen(known, word) for word in (parsed.snapshot, parsed.other)]
    # As JSON: in restic's text, a newline in a file's name begins a line.
    running = part.run("backup-runner", "restic", "diff", "--json", "--no-lock", *both)
    for line in lines.split(running.chunks):
        text = snapshot_table.difference(line)
        terminal.say(text, _COLOURS.get(text[:1], ""))
    if running.end.code:
        terminal.tell(f"kubectl backup: {formats.plain(running.end.said)}")
    return 1 if running.end.code else 0
