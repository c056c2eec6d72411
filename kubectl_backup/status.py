"""`kubectl backup status`: a table of all that is, or should be, backed up."""

import argparse
import json
import time

import yaml

from kubectl_backup import rows, sidecar, table, target
from kubectl_backup.cluster import Cluster
from kubectl_backup.terminal import Terminal

_EVERY = 5.0  # seconds between two looks


def show(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Show the status once or again and again; return 1 where a workload has no good backup."""
    while True:
        found = sidecar.survey(cluster, _pods(cluster, parsed))
        if parsed.watch:
            terminal.clear()
        _print(cluster, terminal, parsed, found)
        if not parsed.watch:
            return 1 if any(rows.colour(each) == "red" for each in found) else 0
        time.sleep(_EVERY)


def _pods(cluster: Cluster, parsed: argparse.Namespace) -> list[target.Pod]:
    pods = cluster.pods("" if parsed.all_namespaces else None)
    if parsed.workload:
        place = "any namespace" if parsed.all_namespaces else cluster.place
        return target.matching(target.parse(parsed.workload), pods, place)
    return [pod for pod in pods if target.asks(pod) and target.lasting(pod)]


def _print(
    cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace, found: list[rows.Row]
) -> None:
    if parsed.output == "json":
        terminal.say(json.dumps(rows.as_json(found), indent=2))
    elif parsed.output == "yaml":
        terminal.say(yaml.safe_dump(rows.as_json(found), sort_keys=False).rstrip())
    elif not found:
        where = "any namespace" if parsed.all_namespaces else f"namespace {cluster.namespace}"
        terminal.tell(
            f"No pod in {where} asks for backups. Annotate a pod template with "
            'backup.enabled: "true" and label its namespace backup.enabled=true; '
            "`kubectl backup doctor` checks the rest."
        )
    else:
        wide = parsed.output == "wide"
        header, lines = rows.table(found, time.time(), namespaces=parsed.all_namespaces, wide=wide)
        width = None if wide else terminal.width
        for line in table.render(header, lines, "PROBLEMS", width, paint=terminal.paint):
            terminal.say(line)
