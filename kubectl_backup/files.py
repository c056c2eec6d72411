"""`kubectl backup snapshots | ls | cat | diff`: what is in the repository of a workload."""

import argparse
import sys
import time

from kubectl_backup import formats, lines, listing, sidecar, table
from kubectl_backup.cluster import Cluster, Json
from kubectl_backup.refusal import ClusterError
from kubectl_backup.sidecar import Sidecar
from kubectl_backup.terminal import Terminal

_COLOURS = {"+": "green", "-": "red", "M": "yellow"}


def snapshots(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """List the snapshots of a workload."""
    parts = sidecar.find_each(cluster, parsed.workload)
    for part in parts:
        found = all_of(part)
        if not found:
            terminal.tell(f"pod {part.name} has no snapshot yet; `kubectl backup now` makes one")
            continue
        if len(parts) > 1:
            terminal.tell(f"pod {part.name}:")
        rows = listing.table(found, time.time())
        for line in table.render(listing.HEADER, rows, "", terminal.width, paint=terminal.paint):
            terminal.show(line)
    return 0


def all_of(part: Sidecar) -> list[Json]:
    """Return all snapshots of a sidecar's own."""
    return [dict(each) for each in part.restic("snapshots", "--json", "--no-lock", *part.mine())]


def show(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """List a folder of a snapshot."""
    part, folder = sidecar.find(cluster, parsed.workload), listing.inside(parsed.path)
    snapshot = listing.chosen(all_of(part), parsed.snapshot)
    found = listing.entries(part.restic("ls", "--json", "--no-lock", snapshot, folder), folder)
    if not found:
        raise ClusterError(f"{folder} is empty, or not in snapshot {snapshot[:8]}")
    for line in found:
        terminal.say(line)
    return 0


def write(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Write a file of a snapshot to standard output, as it is."""
    part = sidecar.find(cluster, parsed.workload)
    snapshot = listing.chosen(all_of(part), parsed.snapshot)
    words = ("dump", "--no-lock", snapshot, listing.inside(parsed.path))
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
    known = all_of(part)
    both = [listing.chosen(known, word) for word in (parsed.snapshot, parsed.other)]
    # As JSON: in restic's text, a newline in a file's name begins a line.
    running = part.run("backup-runner", "restic", "diff", "--json", "--no-lock", *both)
    for line in lines.split(running.chunks):
        text = listing.difference(line)
        terminal.say(text, _COLOURS.get(text[:1], ""))
    if running.end.code:
        terminal.tell(f"kubectl backup: {formats.plain(running.end.said)}")
    return 1 if running.end.code else 0
