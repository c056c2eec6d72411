"""Restores empty volumes before a pod starts, completely or not at all.

An empty volume is restored from the workload's latest backup; without any backup, this is the first
start. Any other obstacle is reported and retried: an app that starts with an empty volume instead
of its data would create new data there.

Init containers run when a pod starts, and again when its node does: what an app deletes while it
runs stays deleted until then, and a volume that it left without any file is filled again.
"""

import errno
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from runner.config.model import Config
from runner.process import mounts
from runner.process.folders import ownership
from runner.process.log import Log
from runner.process.signals import Stop
from runner.restic import selection
from runner.restic.selection import Wanted
from runner.restore import staging
from runner.steps.outcome import Failure
from runner.steps.step import RunEnded

ENV_MESSAGE = "BACKUP_TERMINATION_LOG"
_MESSAGE = "/dev/termination-log"  # what `kubectl describe pod` shows of a container that ended
_LONGEST = 4000  # bytes of it that the kubelet takes
_LONGEST_PAUSE = 60
_NOTHING = "no volume is empty; nothing is restored"
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why a pod does not start, in one line, and the failure class."""

    why: str
    failure: Failure | None


def populate(config: Config, log: Log, stop: Stop) -> int:
    """Return 0 once every volume is as it should be before an app starts on it, else 1."""
    try:
        return _populate(config, log, stop)
    finally:
        ownership.leave_nothing(config.paths.state)  # the sidecar may run as another user


def _populate(config: Config, log: Log, stop: Stop) -> int:
    try:
        want = selection.of_pod(config, os.environ)
    except ValueError as error:
        why = f"the restore cannot be understood: {error}; the pod does not start"
        return _ends(log, _Trouble(why, Failure.CONFIG))
    if want is None:
        return 0
    pause, deadline = config.timing.restore.pause, 0.0
    while True:
        trouble = _attempt(config, log, stop, want)
        if trouble is None:
            return 0
        now = time.monotonic()
        deadline = deadline or now + config.timing.restore.tries
        if stop.asked or now + pause > deadline:
            return _ends(log, trouble)
        again = f"; tried again in {pause:.0f} s, until then the pod does not start"
        log.line("error", f"{trouble.why}{again}", failure=trouble.failure, next=_after(pause))
        _tell(trouble.why)
        if stop.wait(pause):
            return _ends(log, trouble)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _after(seconds: float) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _attempt(config: Config, log: Log, stop: Stop, want: Wanted) -> _Trouble | None:
    """Restore empty volumes; return why that failed, None if it succeeded."""
    try:
        folders = [Path(path) for path in mounts.folders(config)]
        if not folders:
            return _Trouble(f"there is no volume below {config.paths.volumes}", Failure.SOURCE)
        told = []
        left = [
            folder
            for folder in folders
            if staging.needs_work(folder, mounts.volume_of(config, folder))
        ]
        if left:
            empty = ", ".join(folder.name for folder in left)
            log.line("info", f"no files in {empty} yet; looking for a backup in the repository")
            from runner.restore import volumes  # noqa: PLC0415 -- most starts have nothing to do

            told = volumes.refill(config, log, stop, want, left)
    except RunEnded as ended:
        return _Trouble(ended.outcome.message, ended.outcome.failure)
    except OSError as error:
        failure = Failure.SPACE if error.errno in _FULL else Failure.SOURCE
        return _Trouble(f"{error.filename}: {error.strerror}", failure)
    except Exception as error:  # noqa: BLE001 -- a bug of ours is reported too, and no app starts
        return _Trouble(config.mask(f"internal error: {error!r}"), Failure.INTERNAL)
    if not told:
        log.line("info", _NOTHING)
    _tell("; ".join(told) or _NOTHING)
    return None


def _ends(log: Log, trouble: _Trouble) -> int:
    log.line("error", trouble.why, failure=trouble.failure)
    _tell(trouble.why)
    return 1


def _tell(message: str) -> None:
    """Write the termination message; outside of a pod there is no such file."""
    text = message.encode("utf-8", "replace")[:_LONGEST]
    with suppress(OSError):
        Path(os.environ.get(ENV_MESSAGE, _MESSAGE)).write_bytes(text)
