"""`kubectl backup now`: requests a backup in each pod that has its own."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from contract import exit_codes
from contract.annotations import values
from contract.snapshots import KEEP
from kubectl_backup.cluster.api import Cluster, Json
from kubectl_backup.cluster.errors import UNCHANGED, ClusterError
from kubectl_backup.commands import follow
from kubectl_backup.output import formats
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.workload import sidecar
from kubectl_backup.workload.sidecar import Sidecar

_CODES = {"success": 0, "warning": 0, "skipped": exit_codes.TRY_AGAIN}
_BUSY = "another run is in progress"
_LONG = "15m"  # for which a requested backup waits for a run in progress
_COLOURS = {"success": "green", "warning": "yellow", "skipped": "yellow"}


@dataclass(frozen=True, slots=True)
class _Request:
    """A requested backup; ``since`` is the pod's own time of the request, in epoch seconds."""

    part: Sidecar
    since: float


def now(cluster: Cluster, terminal: Terminal, parsed: argparse.Namespace) -> int:
    """Request a backup, and wait for its result if asked to; return the worst exit status."""
    parts = sidecar.find_each(cluster, parsed.workload)
    for part in parts:
        known = part.known()
        if known.get("paused"):
            raise ClusterError(f"pod {part.name} is paused; run `kubectl backup resume` first")
        if parsed.no_wait and (other := follow.busy(known)):
            terminal.say(f"pod {part.name}: {_BUSY} ({other}); no backup requested", "yellow")
            return exit_codes.TRY_AGAIN
    requests = _requested(parts)
    if not (parsed.wait or parsed.keep):
        names = ", ".join(part.name for part in parts)
        terminal.say(f"pod {names}: backup requested; `kubectl backup status` shows its result")
        return 0
    limit = values.seconds(parsed.wait_timeout or _LONG)
    codes = [_followed(each, terminal, limit, keep=parsed.keep) for each in requests]
    return 1 if 1 in codes else max(codes)


def _requested(parts: Sequence[Sidecar]) -> list[_Request]:
    """Request a backup of each part; the error of one names the parts that were requested."""
    requests: list[_Request] = []
    for part in parts:
        try:
            requests.append(_Request(part, part.request()))
        except ClusterError as error:
            done = ", ".join(each.part.name for each in requests)
            line = f"{error}; a backup of pod {done} is already requested" if done else str(error)
            if not isinstance(error, UNCHANGED):
                line += f"; pod {part.name} may still start one: see `kubectl backup status`"
            raise ClusterError(line) from error
    return requests


def _followed(request: _Request, terminal: Terminal, limit: float, *, keep: bool) -> int:
    """Wait for the result of a requested backup and report it; return its exit status."""
    name = request.part.name
    try:
        last = follow.backup(request.part, terminal, request.since, limit)
    except ClusterError as error:
        line = f"{error}; the backup is requested: `kubectl backup status` shows its result"
        terminal.tell(f"kubectl backup: pod {name}: {line}")
        return 1
    if last is None:
        terminal.say(f"pod {name}: {_BUSY}; the requested backup follows it", "yellow")
        return exit_codes.TRY_AGAIN
    status = str(last.get("status"))
    kind = f" ({last['failure']})" if last.get("failure") else ""
    line = f"pod {name}: {status}{kind}: {formats.plain(last.get('message', ''))}"
    terminal.say(line, _COLOURS.get(status, "red"))
    kept = not keep or not last.get("snapshot") or _kept(request.part, terminal, last)
    return _CODES.get(status, 1) if kept else 1


def _kept(part: Sidecar, terminal: Terminal, last: Json) -> bool:
    """Tag a snapshot so that retention keeps it; return whether that worked."""
    snapshot = str(last["snapshot"])
    # Retention, which follows a backup, may hold the lock.
    words = ("tag", "--retry-lock", "5m", "--add", KEEP, snapshot)
    try:
        answer = part.execute("backup-runner", "restic", *words)
        why = (answer.said or f"status {answer.code}") if answer.code else ""
    except ClusterError as error:
        why = str(error)
    if why:
        line = f"snapshot {snapshot[:8]} is made but not tagged {KEEP}: {why}"
        terminal.tell(f"kubectl backup: pod {part.name}: {line}; retention may remove it")
        return False
    terminal.say(f"pod {part.name}: retention keeps this snapshot (tag {KEEP})")
    return True
