"""`kubectl backup accept | drill | unlock | load`: commands of the runner in a pod."""

import argparse
import time

from kubectl_backup.cluster.api import Cluster
from kubectl_backup.commands import follow
from kubectl_backup.output import formats
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.workload import sidecar, snapshots


def run(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Run the runner's command ``parsed.runner`` in each part; return the worst exit status."""
    parts = sidecar.find_each(cluster, parsed.workload)
    retention = ("--retention",) if vars(parsed).get("retention") else ()
    words = (parsed.runner, *retention, *_waits(parsed))
    return max(follow.command(part, terminal, *words) for part in parts)


def load(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Show which dump would be loaded, ask, and load it; return the runner's exit status."""
    part = sidecar.find_one(cluster, parsed.workload)
    at = formats.rfc3339(snapshots.when(parsed.at, time.time()))
    named = parsed.snapshot if parsed.snapshot != "latest" else ""  # the runner's default
    which = ["--at", at] if at else ["--snapshot", named] if named else []
    words = ["load", *([parsed.dump] if parsed.dump else []), *which]
    words += ["--replace"] if parsed.replace else []
    words += _waits(parsed)
    if code := follow.command(part, terminal, *words, "--dry-run"):
        return code
    what = "in place of the server's databases" if parsed.replace else "into its server"
    terminal.confirm(f"Load this dump {what}?", yes=parsed.yes)
    return follow.command(part, terminal, *words)


def _waits(parsed: argparse.Namespace) -> list[str]:
    """Return the runner's options for how long to wait for a run in progress."""
    if parsed.no_wait:
        return ["--no-wait"]
    return ["--wait-timeout", parsed.wait_timeout] if parsed.wait_timeout else []
