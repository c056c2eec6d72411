"""Follows what a sidecar does for a person: a command of the runner, or a requested backup."""

import json
import time
from collections.abc import Iterable
from contextlib import suppress

from contract import names, units
from kubectl_backup.cluster import lines
from kubectl_backup.cluster.api import Json
from kubectl_backup.cluster.errors import ClusterError, NotFoundError
from kubectl_backup.output import formats
from kubectl_backup.output import terminal as terminals
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.workload.sidecar import Sidecar

_EVERY = 1.0  # seconds between two looks at a run
_BEGINS = 120.0  # seconds in which a requested run begins where nothing else is in progress
_PATIENCE = 5  # answers in a row that may be missing


def command(part: Sidecar, terminal: Terminal, *words: str) -> int:
    """Run a command of the runner, show what it logs, and return its exit status.

    Interrupted while the command waits for its turn, this stops it in the pod: else it would begin
    when nobody waits for it any more.
    """
    terminals.interruptible("stopping")
    running = part.run("backup-runner", *words)
    waiting = 0
    try:
        for line in lines.split(running.chunks):
            waiting = _waiting(line)
            say(terminal, [line])
    except KeyboardInterrupt:
        if waiting:
            with terminals.uninterrupted(), suppress(ClusterError):
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
    """Return the process that a line of the log says waits for its turn; 0 for any other line."""
    try:
        said = json.loads(line)
        return int(said["pid"]) if said["message"] == names.WAITING_MESSAGE else 0
    except (ValueError, KeyError, TypeError):
        return 0


def busy(known: Json) -> str:
    """Return what a status says is in progress; "" for nothing."""
    if known.get("running_since"):
        return f"a backup since {known['running_since']}"
    return formats.plain(known.get("task") or "")


def backup(part: Sidecar, terminal: Terminal, requested: float, limit: float) -> Json | None:
    """Follow a requested backup to its end; return how it ended.

    None where another run takes longer than ``limit`` seconds; the backup follows it.
    """
    began = idle_since = time.monotonic()
    status, told = _Status(part), False
    while True:
        known = status.known()
        last = known.get("last") or {}
        if _is_since(last.get("started"), requested):
            terminal.progress("")
            return dict(last)
        now = time.monotonic()
        is_ours = _is_since(known.get("running_since"), requested)
        other = "" if is_ours else busy(known)
        if is_ours or other:
            idle_since = now
        if other and now - began > limit:
            terminal.progress("")
            return None
        if other and not told:
            told = True
            terminal.tell(f"pod {part.name}: {names.WAITING_MESSAGE} ({other})")
        state = "running" if is_ours else names.WAITING_MESSAGE if other else "about to begin"
        terminal.progress(f"pod {part.name}: {state}, {units.span(now - began)}")
        if now - idle_since > _BEGINS:
            raise ClusterError(f"pod {part.name} began nothing; see `kubectl backup logs`")
        time.sleep(_EVERY)


def _is_since(time_of: object, moment: float) -> bool:
    """Whether a time of RFC 3339, which has whole seconds, is not before ``moment``."""
    return (formats.moment(time_of) or 0) >= int(moment)


class _Status:
    """What a sidecar says, although some of its answers are missing."""

    def __init__(self, part: Sidecar) -> None:
        self._part = part
        self._missed = 0

    def known(self) -> Json:
        """Return its status; nothing where an answer is missing, unless too many are."""
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
