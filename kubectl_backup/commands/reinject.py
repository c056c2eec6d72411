"""`kubectl backup reinject`: recreates pods that were admitted without a sidecar."""

import argparse

from contract.annotations.namespace import NOTHING, NamespaceDefaults
from contract.text import counted
from kubectl_backup.cluster.api import Cluster, below
from kubectl_backup.cluster.errors import UNCHANGED, ClusterError, DeniedError, NotFoundError
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.workload import reinjection, scope
from kubectl_backup.workload.reinjection import Candidate


def reinject(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Evict the pods whose replacements would be injected; return 1 if not all of them are."""
    pods = cluster.pods("" if parsed.all_namespaces else None)
    found = reinjection.candidates(pods, _opted_in(cluster, every=parsed.all_namespaces))
    if not found:
        terminal.say("no pod lacks its sidecar for a reason that may no longer hold")
        return 0
    promising = []
    for each in found:
        obstacle = _obstacle(cluster, each)
        terminal.say(f"{each}; not evicted: {obstacle}" if obstacle else str(each))
        promising += [] if obstacle else [each]
    if not promising:
        return 1
    count = counted(len(promising), "pod")
    terminal.confirm(f"Evict {count}? New pods replace them, with a sidecar.", yes=parsed.yes)
    codes = [_evict(cluster, terminal, each) for each in promising]
    return 1 if any(codes) or len(promising) < len(found) else 0


def _opted_in(cluster: Cluster, *, every: bool) -> dict[str, NamespaceDefaults]:
    """Return the labelled namespaces, with what they say about their pods.

    Also those that may not be read, since a dry run shows it. ``every``: of the whole cluster.
    """
    if every:
        return scope.opted_in(cluster.items(below("", "namespaces")))
    try:
        return scope.opted_in([cluster.get(below("", "namespaces", cluster.namespace))])
    except DeniedError:
        return {cluster.namespace: NOTHING}


def _obstacle(cluster: Cluster, each: Candidate) -> str:
    """Return why evicting a pod would not help; "" if it would, or if dry runs are forbidden."""
    if each.alone:
        return "it has no controller that replaces it; delete it and create it again"
    path = below(each.pod["metadata"]["namespace"], "pods")
    try:
        again = reinjection.verdict(
            cluster.create(path, reinjection.replacement(each.pod), dry_run=True)
        )
    except DeniedError:
        return ""
    except ClusterError as error:
        return f"its replacement cannot be tested: {error}"
    return f"its replacement would have no sidecar either: {again}" if again else ""


def _evict(cluster: Cluster, terminal: Terminal, each: Candidate) -> int:
    """Evict a pod and report it; return 1 if it may still run."""
    meta = each.pod["metadata"]
    wanted = {"name": meta["name"], "namespace": meta["namespace"]}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": wanted}
    path = f"{below(meta['namespace'], 'pods', meta['name'])}/eviction"
    try:
        cluster.create(path, body)
    except NotFoundError:
        terminal.say(f"{meta['name']}: already deleted")
        return 0
    except ClusterError as error:
        state = "not evicted" if isinstance(error, UNCHANGED) else "it may not be evicted"
        terminal.say(f"{meta['name']}: {state}: {error}", "red")
        return 1
    terminal.say(f"{meta['name']}: evicted")
    return 0
