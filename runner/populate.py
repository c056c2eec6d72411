"""Fills empty volumes before a pod starts, or keeps it from starting: never less than everything.

An empty volume of a workload that has backups is filled from the latest of them; of one that has
none, it is a first start. Whatever else is in the way is told and tried again: an app that starts
on an empty volume in place of its data makes new ones there.

Init containers run when a pod starts, and again when its node does: what an app deletes while it
runs stays deleted until then, and a volume that it left without any file is filled again.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

from runner import inputs, ownership, staging, wanted
from runner.config import Config
from runner.conversation import Ended
from runner.log import Log
from runner.stop import Stop
from runner.wanted import Wanted

ENV_MESSAGE = "BACKUP_TERMINATION_LOG"
_MESSAGE = "/dev/termination-log"  # what `kubectl describe pod` shows of a container that ended
_LONGEST = 4000  # bytes of it that the kubelet takes
_LONGEST_PAUSE = 60
_NOTHING = "no volume is empty: nothing is restored"


def populate(config: Config, log: Log, stop: Stop) -> int:
    """Return 0 once every volume is as it should be before an app starts on it, else 1."""
    try:
        return _populate(config, log, stop)
    finally:
        ownership.leave_nothing(config.state_dir)  # the sidecar may run as another user


def _populate(config: Config, log: Log, stop: Stop) -> int:
    try:
        want = wanted.of_pod(config, os.environ)
    except ValueError as error:
        return _ends(log, f"the restore cannot be understood: {error}; the pod does not start")
    if want is None:
        return 0
    pause, deadline = config.timing.restore_pause, 0.0
    while True:
        why = _attempt(config, log, stop, want)
        if not why:
            return 0
        now = time.monotonic()
        deadline = deadline or now + config.timing.restore
        if stop.asked or now + pause > deadline:
            return _ends(log, why)
        again = f"; tried again in {pause:.0f} s, until then the pod does not start"
        log.line("error", f"{why}{again}")
        _tell(log, why)
        if stop.wait(pause):
            return _ends(log, why)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _attempt(config: Config, log: Log, stop: Stop, want: Wanted) -> str:
    """Fill what is empty; return why it cannot be done, "" where it is."""
    try:
        folders = [Path(path) for path in inputs.folders(config)]
        if not folders:
            return f"there is no volume below {config.volumes_dir}"
        told = []
        if left := [folder for folder in folders if staging.needs_work(folder)]:
            empty = ", ".join(folder.name for folder in left)
            log.line("info", f"nothing in {empty} yet: asking the repository for a backup")
            from runner import refill  # noqa: PLC0415 -- most starts have nothing to do

            told = refill.refill(config, log, stop, want, left)
    except Ended as ended:
        return ended.outcome.message
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    except Exception as error:  # noqa: BLE001 -- a bug of ours is told too, and lets no app start
        return f"internal error: {error!r}"
    if not told:
        log.line("info", _NOTHING)
    _tell(log, "; ".join(told) or _NOTHING)
    return ""


def _ends(log: Log, why: str) -> int:
    log.line("error", why)
    _tell(log, why)
    return 1


def _tell(log: Log, message: str) -> None:
    """Write what `kubectl describe pod` shows; outside of a pod there is no such file."""
    text = log.mask(message).encode("utf-8", "replace")[:_LONGEST]
    with suppress(OSError):
        Path(os.environ.get(ENV_MESSAGE, _MESSAGE)).write_bytes(text)
