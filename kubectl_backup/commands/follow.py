"""Follows a command of the runner, or a requested backup, to its end."""

import json
import time
from collections.abc import Iterable
from contextlib import suppress

from contract import names
from kubectl_backup.cluster import lines
from kubectl_backup.cluster.api import Json
from kubectl_backup.cluster.errors import ClusterError, NotFoundError
from kubectl_backup.output import formats, interrupts
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.workload.sidecar import Sidecar

_EVERY = 1.0  # seconds between two checks of a run
_BEGINS = 120.0  # seconds in which a requested run begins if no other run is in progress
_PATIENCE = 5  # answers in a row that may be missing


def command(part: Sidecar, terminal: Terminal, *words: str) -> int:
    """Run a command of the runner, show its log, and return its exit status.

    If it is interrupted while the command waits for another run, the command is stopped in the pod
    too: it would otherwise start later, unattended.
    """
    interrupts.interruptible("stopping")
    running = part.run("backup-runner", *words)
    waiting = 0
    try:
        for line in lines.split(running.chunks):
            waiting = _waiting(line)
            say(terminal, [line])
    except KeyboardInterrupt:
        if waiting:
            with interrupts.uninterrupted(), suppress(ClusterError):
                part.stop(waiting)
        raise
    if running.end.code and running.end.said:
        terminal.tell(formats.plain(running.end.said))
    return running.end.code


def say(terminal: Terminal, spoken: Iterable[bytes]) -> None:
    """Show lines of the runner's log."""
    for line in spoken:
        terminal.say(*formats.spoken(line))


def _waiting(line: bytes) -> int:
    """Return the id of the waiting process that a line of the log names; 0 for any other line."""
    try:
        said = json.loads(line)
        return int(said["pid"]) if said["message"] == names.WAITING_MESSAGE else 0
    except (ValueError, KeyError, TypeError):
        return 0


def busy(known: Json) -> str:
    """Return what is in progress according to a status; "" if nothing is."""
    if known.get("running_since"):
        return f"a backup since {known['running_since']}"
    return formats.plain(known.get("task") or "")


def backup(part: Sidecar, terminal: Terminal, requested: float, limit: float) -> Json | None:
    """Follow a requested backup to its end; return its entry in the status.

    Return None if another run takes longer than ``limit`` seconds; the backup follows that run.
    """
    began = idle_since = time.monotonic()
    status, told = _Status(part), False
    with terminal.progress(f"pod {part.name}") as progress:
        while True:
            known = status.known()
            last = known.get("last") or {}
            if _is_since(last.get("started"), requested):
                return dict(last)
            now = time.monotonic()
            is_ours = _is_since(known.get("running_since"), requested)
            other = "" if is_ours else busy(known)
            if is_ours or other:
                idle_since = now
            if other and now - began > limit:
                return None
            if other and not told:
                told = True
                terminal.tell(f"pod {part.name}: {names.WAITING_MESSAGE} ({other})")
            state = "running" if is_ours else names.WAITING_MESSAGE if other else "about to begin"
            progress.show(state)
            if now - idle_since > _BEGINS:
                raise ClusterError(f"no backup began within {_BEGINS:.0f} s; "
                                   "see `kubectl backup logs`")  # fmt: skip
            time.sleep(_EVERY)


def _is_since(time_of: object, moment: float) -> bool:
    """Whether a time of RFC 3339, which has whole seconds, is not before ``moment``."""
    return (formats.moment(time_of) or 0) >= int(moment)


class _Status:
    """The status of a sidecar; some fields may be missing."""

    def __init__(self, part: Sidecar) -> None:
        self._part = part
        self._missed = 0

    def known(self) -> Json:
        """Return the status; an empty one while few answers in a row are missing."""
        try:
            found = self._part.known()
        except NotFoundError:
            raise
        except ClusterError:
            self._missed += 1
            if self._missed > _PATIENCE:
                raise
            return {}
        self._missed = 0
        return found
