"""`kubectl backup pause | resume`: an annotation of the pods that run now."""

import argparse
from collections.abc import Sequence
from shlex import quote

from contract.annotations import settings
from contract.text import counted
from kubectl_backup.cluster.api import Cluster, Json, below
from kubectl_backup.cluster.errors import UNCHANGED, ClusterError, NotFoundError
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.workload import target

_KEY = settings.PAUSED.annotation


def pause(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Pause or resume a workload's pods; return 1 if not all of them are."""
    paused = parsed.command == "pause"
    pods = target.matching(target.parse(parsed.workload), cluster.pods(), cluster.place)
    found = [pod for pod in pods if target.sidecar(pod) is not None and target.lasting(pod)]
    if not found:
        raise ClusterError("no pod of it has a sidecar; `kubectl backup status` shows why")
    changed = [_annotated(cluster, terminal, pod, paused=paused) for pod in found]
    if any(changed):
        _explain(terminal, found, paused=paused)
    if not all(changed):
        again = f"run `kubectl backup {quote(parsed.command)} {quote(parsed.workload)}` again"
        failed = f"{changed.count(False)} of {counted(len(found), 'pod')} failed"
        terminal.tell(f"kubectl backup: {failed}; {again}")
    return 0 if all(changed) else 1


def _annotated(cluster: Cluster, terminal: Terminal, pod: Json, *, paused: bool) -> bool:
    """Annotate a pod and report it; return False if it may not be annotated now."""
    meta, word = pod["metadata"], "paused" if paused else "resumed"
    change = {"metadata": {"annotations": {_KEY: "true" if paused else None}}}
    try:
        cluster.patch(below(meta["namespace"], "pods", meta["name"]), change)
    except NotFoundError:
        terminal.say(f"pod {meta['name']}: it was deleted; a pod in its place is not {word}")
        return False
    except ClusterError as error:
        state = f"not {word}" if isinstance(error, UNCHANGED) else f"it may not be {word}"
        terminal.say(f"pod {meta['name']}: {state}: {error}", "red")
        return False
    terminal.say(f"pod {meta['name']}: {word}")
    return True


def _explain(terminal: Terminal, pods: Sequence[Json], *, paused: bool) -> None:
    """Explain when it takes effect, and how to make it permanent."""
    owner = target.owner(pods[0])
    terminal.tell("It takes effect within two minutes.")
    if paused:
        terminal.tell(
            f'New pods are not paused. To pause them too, set the annotation {_KEY}: "true" on '
            f"the pod template of {owner}, which replaces its pods, or {settings.PAUSED.variable}="
            "true in the Secret, which pauses the whole namespace."
        )
    else:
        terminal.tell(
            f"If the pod template of {owner} or the Secret pauses backups, change it there too."
        )
