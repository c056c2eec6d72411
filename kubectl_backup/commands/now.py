"""`kubectl backup now | accept | drill | load | unlock | logs | pause | resume | heal`."""

import argparse
import time

from contract import exit_codes, names
from contract.annotations import settings, values
from contract.snapshots import KEEP
from contract.text import counted, escaped
from kubectl_backup.cluster.api import Cluster, Json, below
from kubectl_backup.cluster.errors import ClusterError, DeniedError
from kubectl_backup.commands import follow
from kubectl_backup.commands import heal as commands_heal
from kubectl_backup.output import formats
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.workload import log_status, sidecar, snapshots, target
from kubectl_backup.workload.sidecar import Sidecar

_CODES = {"success": 0, "warning": 0, "skipped": exit_codes.TRY_AGAIN}
_BUSY = "another run is in progress"
_LONG = "15m"  # for which a requested backup waits for a run in progress
_COLOURS = {"success": "green", "warning": "yellow", "skipped": "yellow"}


def now(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Ask for a backup, and wait for it where that is wanted; return how it ended."""
    parts = sidecar.find_each(cluster, parsed.workload)
    for part in parts:
        known = part.known()
        if known.get("paused"):
            raise ClusterError(f"pod {part.name} is paused; `kubectl backup resume` it first")
        if parsed.no_wait and (other := follow.busy(known)):
            terminal.say(f"pod {part.name}: {_BUSY} ({other}); nothing was done", "yellow")
            return exit_codes.TRY_AGAIN
    asked = [(part, part.ask()) for part in parts]
    if not (parsed.wait or parsed.keep):
        names_of = ", ".join(part.name for part in parts)
        terminal.say(f"asked for a backup: pod {names_of}; `kubectl backup status` shows it")
        return 0
    codes = []
    for part, since in asked:
        last = follow.backup(part, terminal, since, values.seconds(parsed.wait_timeout or _LONG))
        if last is None:
            terminal.say(f"pod {part.name}: {_BUSY}; the requested backup follows it", "yellow")
            codes.append(exit_codes.TRY_AGAIN)
            continue
        status = str(last.get("status"))
        kind = f" ({last['failure']})" if last.get("failure") else ""
        line = f"pod {part.name}: {status}{kind}: {formats.plain(last.get('message', ''))}"
        terminal.say(line, _COLOURS.get(status, "red"))
        if parsed.keep and last.get("snapshot"):
            _keep(part, terminal, str(last["snapshot"]))
        codes.append(_CODES.get(status, 1))
    return 1 if 1 in codes else max(codes)


def _keep(part: Sidecar, terminal: Terminal, snapshot: str) -> None:
    # Retention may be at work, which comes after the backup.
    words = ("tag", "--retry-lock", "5m", "--add", KEEP, snapshot)
    answer = part.execute("backup-runner", "restic", *words)
    if answer.code:
        raise ClusterError(f"snapshot {snapshot[:8]} is made, but cannot be kept: {answer.said}")
    terminal.say(f"pod {part.name}: retention keeps this snapshot (tag {KEEP})")


def tell_runner(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Let the runner do what ``parsed.runner`` says; return its worst exit status."""
    parts = sidecar.find_each(cluster, parsed.workload)
    retention = ("--retention",) if vars(parsed).get("retention") else ()
    words = (parsed.runner, *retention, *_waits(parsed))
    return max(follow.command(part, terminal, *words) for part in parts)


def _waits(parsed: argparse.Namespace) -> list[str]:
    """Return the runner's options on how long it waits for a run in progress."""
    if parsed.no_wait:
        return ["--no-wait"]
    return ["--wait-timeout", parsed.wait_timeout] if parsed.wait_timeout else []


def load(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Load a dump into its server, once somebody has seen which one and said yes."""
    part = sidecar.find_one(cluster, parsed.workload)
    at = formats.rfc3339(snapshots.when(parsed.at, time.time()))
    named = parsed.snapshot if parsed.snapshot != "latest" else ""  # which it takes by itself
    which = ["--at", at] if at else ["--snapshot", named] if named else []
    words = ["load", *([parsed.dump] if parsed.dump else []), *which]
    words += ["--replace"] if parsed.replace else []
    words += _waits(parsed)
    if code := follow.command(part, terminal, *words, "--dry-run"):
        return code
    what = "in place of what its server holds" if parsed.replace else "into its server"
    terminal.confirm(f"Load it {what}?", yes=parsed.yes)
    return follow.command(part, terminal, *words)


def logs(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Show the log of a sidecar for people, or as it is."""
    part = sidecar.find(cluster, parsed.workload)
    query = {"tailLines": str(parsed.tail)} if parsed.tail >= 0 else {}
    lines = part.log(**query, **({"follow": "true"} if parsed.follow else {}))
    if parsed.json:
        for line in lines:
            terminal.show(escaped(line.decode("utf-8", "replace")))
    else:  # what is for programs is left out
        follow.say(terminal, (line for line in lines if log_status.status([line]) is None))
    return 0


def pause(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Pause or resume the pods of a workload as they are, and say how to make it last."""
    paused = parsed.command == "pause"
    pods = target.matching(target.parse(parsed.workload), cluster.pods(), cluster.place)
    found = [pod for pod in pods if target.sidecar(pod) is not None and target.lasting(pod)]
    if not found:
        raise ClusterError("none of its pods has a sidecar; `kubectl backup status` says why")
    key = settings.PAUSED.annotation
    for pod in found:
        meta = pod["metadata"]
        change = {"metadata": {"annotations": {key: "true" if paused else None}}}
        cluster.patch(below(meta["namespace"], "pods", meta["name"]), change)
        terminal.say(f"pod {meta['name']}: {'paused' if paused else 'resumed'}")
    owner = target.owner(found[0])
    terminal.tell("It takes effect within two minutes.")
    if paused:
        terminal.tell(
            f"A new pod is not paused. To make it last, annotate the pod template of {owner} with "
            f'{key}: "true" (which replaces its pods), or set {settings.PAUSED.variable}=true in '
            "the Secret, for the whole namespace."
        )
    else:
        terminal.tell(
            f"Where the pod template of {owner} or the Secret pauses it, change it there too."
        )
    return 0


def heal(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Evict pods that were admitted without a sidecar, where a new one would get one."""
    pods = cluster.pods("" if parsed.all_namespaces else None)
    wide = parsed.all_namespaces
    labelled = _labelled(cluster.items(below("", "namespaces"))) if wide else _own(cluster)
    found = commands_heal.candidates(pods, labelled)
    if not found:
        terminal.say("no pod lacks its sidecar for a reason that may be gone")
        return 0
    promising = []
    for each in found:
        again = "nobody would create it again: do it yourself" if each.alone else ""
        again = again or _tried(cluster, each)
        terminal.say(f"{each}" + (f"; left alone: {again}" if again else ""))
        if not again:
            promising.append(each)
    if not promising:
        return 1
    count = counted(len(promising), "pod")
    terminal.confirm(f"Evict {count}, so that new ones get their sidecar?", yes=parsed.yes)
    return max(_evict(cluster, terminal, each) for each in promising)


def _own(cluster: Cluster) -> set[str]:
    """Return the namespace if it has opted in, or nobody may know: the trial tells."""
    try:
        return _labelled([cluster.get(below("", "namespaces", cluster.namespace))])
    except DeniedError:
        return {cluster.namespace}


def _labelled(namespaces: list[Json]) -> set[str]:
    return {
        str(each["metadata"]["name"])
        for each in namespaces
        if (each["metadata"].get("labels") or {}).get(names.ENABLED_LABEL) == "true"
    }


def _tried(cluster: Cluster, each: commands_heal.Candidate) -> str:
    """Return the reason that would hold again; "" also where nothing can be tried."""
    path = below(each.pod["metadata"]["namespace"], "pods")
    try:
        again = commands_heal.verdict(
            cluster.create(path, commands_heal.trial(each.pod), trial=True)
        )
    except ClusterError:
        return ""
    return f"a new pod would be {again} too" if again else ""


def _evict(cluster: Cluster, terminal: Terminal, each: commands_heal.Candidate) -> int:
    meta = each.pod["metadata"]
    wanted = {"name": meta["name"], "namespace": meta["namespace"]}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": wanted}
    path = f"{below(meta['namespace'], 'pods', meta['name'])}/eviction"
    try:
        cluster.create(path, body)
    except ClusterError as error:
        terminal.say(f"{meta['name']}: not evicted: {error}", "red")
        return 1
    terminal.say(f"{meta['name']}: evicted")
    return 0
