"""`kubectl backup status`: a table of all that is, or should be, backed up."""

import argparse
import json
import time

import yaml

from kubectl_backup.cluster.api import Cluster
from kubectl_backup.commands import coverage, status_table, survey
from kubectl_backup.output import table
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.workload import scope, stalls, target
from kubectl_backup.workload.scope import Scope

_EVERY = 5.0  # seconds between two looks


def show(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Show the status once or again and again; return 1 where a workload has no good backup.

    One that never asked for any does not count, unless it was named.
    """
    while True:
        around = scope.of_all(cluster) if parsed.all_namespaces else scope.of_namespace(cluster)
        found = _rows(cluster, parsed, around)
        if parsed.watch:
            terminal.clear()
        for line in around.untold:
            terminal.tell(f"kubectl backup: {line}")
        _print(cluster, terminal, parsed, found)
        if not parsed.watch:
            bad = any(status_table.colour(each) == "red" for each in found)
            bare = parsed.workload and not all(each.protected for each in found)
            return 1 if bad or bare or not around.whole else 0
        time.sleep(_EVERY)


def _rows(cluster: Cluster, parsed: argparse.Namespace, around: Scope) -> list[status_table.Row]:
    """Return a row for each pod with a sidecar and each workload without, the worst first."""
    named = bool(parsed.workload)
    if named:
        place = "any namespace" if parsed.all_namespaces else cluster.place
        pods = target.matching(target.parse(parsed.workload), around.pods, place)
        pods = [pod for pod in pods if target.lasting(pod)] or pods
        injected = [pod for pod in pods if target.sidecar(pod) is not None]
    else:
        pods, injected = around.pods, scope.shown(around.pods)
    warned = scope.warnings(cluster, [pod for pod in injected if stalls.waits_for_node(pod)])
    found = survey.survey(cluster, injected, warned)
    bare = coverage.uncovered(pods, around.labelled, named=named)
    hidden = coverage.NO_BACKUP if parsed.protected_only and not named else ""
    found += [each for each in bare if each.status != hidden]
    return sorted(found, key=status_table.rank)


def _print(
    cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace, found: list[status_table.Row]
) -> None:
    if parsed.output == "json":
        terminal.show(json.dumps(status_table.as_json(found), indent=2))
    elif parsed.output == "yaml":
        terminal.show(yaml.safe_dump(status_table.as_json(found), sort_keys=False).rstrip())
    elif not found:
        where = "any namespace" if parsed.all_namespaces else f"namespace {cluster.namespace}"
        terminal.tell(
            f"No pod in {where} asks for backups, and none mounts a claim in a labelled namespace. "
            'Annotate a pod template with backup.enabled: "true" and label its namespace '
            "backup.enabled=true; "
            "`kubectl backup doctor` checks the rest."
        )
    else:
        wide = parsed.output == "wide"
        header, lines = status_table.table(
            found, time.time(), namespaces=parsed.all_namespaces, wide=wide
        )
        width = None if wide else terminal.width
        for line in table.render(header, lines, "PROBLEMS", width, paint=terminal.paint):
            terminal.show(line)
