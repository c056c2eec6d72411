"""`kubectl backup status`: a table of everything that is, or should be, backed up."""

import argparse
import json
import time

import yaml

from kubectl_backup.cluster.api import Cluster
from kubectl_backup.cluster.errors import ClusterError, DeniedError
from kubectl_backup.commands.status import coverage, rows, scan
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.workload import scope, stalls, target
from kubectl_backup.workload.scope import Scope

_EVERY = 5.0  # seconds between two checks


def show(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Show the status, once or until interrupted; return 1 if a workload has no good backup.

    A workload that requests no backup does not count, unless it is named.
    """
    code = _once(cluster, terminal, parsed)
    while parsed.watch:
        time.sleep(_EVERY)
        try:
            _once(cluster, terminal, parsed)
        except DeniedError:
            raise
        except ClusterError as error:
            terminal.tell(f"kubectl backup: {error}; trying again in {_EVERY:.0f} s")
    return code


def _once(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    around = scope.of_all(cluster) if parsed.all_namespaces else scope.of_namespace(cluster)
    found = _rows(cluster, parsed, around)
    if parsed.watch:
        terminal.clear()
    for line in around.untold:
        terminal.tell(f"kubectl backup: {line}")
    _print(cluster, terminal, parsed, found)
    bad = any(rows.colour(each) == "red" for each in found)
    bare = parsed.workload and not all(each.protected for each in found)
    return 1 if bad or bare or not around.whole else 0


def _rows(cluster: Cluster, parsed: argparse.Namespace, around: Scope) -> list[rows.Row]:
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
    found = scan.scan(cluster, injected, warned)
    bare = coverage.uncovered(pods, around.labelled, named=named)
    hidden = coverage.NO_BACKUP if parsed.protected_only and not named else ""
    found += [each for each in bare if each.status != hidden]
    return sorted(found, key=rows.rank)


def _print(
    cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace, found: list[rows.Row]
) -> None:
    if parsed.output == "json":
        terminal.show(json.dumps(rows.as_json(found), indent=2))
    elif parsed.output == "yaml":
        terminal.show(yaml.safe_dump(rows.as_json(found), sort_keys=False).rstrip())
    elif not found:
        where = "any namespace" if parsed.all_namespaces else f"namespace {cluster.namespace}"
        terminal.tell(
            f"No pod in {where} requests backups, and none mounts a claim in a labelled namespace. "
            'Set the annotation backup.enabled: "true" on a pod template and the label '
            "backup.enabled=true on its namespace; `kubectl backup doctor` checks the rest."
        )
    else:
        wide = parsed.output == "wide"
        table = rows.table(found, time.time(), namespaces=parsed.all_namespaces, wide=wide)
        terminal.table(table, fits=not wide)
