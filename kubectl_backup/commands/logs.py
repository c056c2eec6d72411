"""`kubectl backup logs`: the log of a sidecar."""

import argparse

from contract.text import escaped
from kubectl_backup.cluster.api import Cluster
from kubectl_backup.commands import follow
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.workload import log_status, sidecar


def logs(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Show the log as text without its status lines, or with --json as it is; return 0."""
    part = sidecar.find(cluster, parsed.workload)
    query = {"tailLines": str(parsed.tail)} if parsed.tail >= 0 else {}
    lines = part.log(**query, **({"follow": "true"} if parsed.follow else {}))
    if parsed.json:
        for line in lines:
            terminal.show(escaped(line.decode("utf-8", "replace")))
    else:
        follow.say(terminal, (line for line in lines if log_status.status([line]) is None))
    return 0
