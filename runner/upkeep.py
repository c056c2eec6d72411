"""What a repository needs beside backups: retention, and a look at what is there."""

from collections.abc import Generator
from datetime import datetime

from runner import steps
from runner.config import Config
from runner.conversation import Effect, Result
from runner.outcome import Failure, Forgotten, Status
from runner.output import Completed, array


def forget(config: Config) -> Generator[Effect, Result, Forgotten]:
    """Apply retention to this workload's snapshots, and to no others."""
    step = steps.forget(config)
    if step is None:
        return Forgotten(Status.SKIPPED, "every keep-* is 0: all snapshots are kept")
    done: Completed = yield step
    if done.stopped == "signal":
        return Forgotten(Status.INTERRUPTED, "stopped before it was done")
    if done.code == 11:
        return Forgotten(Status.SKIPPED, "the repository is locked", Failure.LOCKED)
    if done.code:
        return Forgotten(Status.FAILURE, f"retention failed: {done.said}", done.failure)
    groups = array(done.text)
    removed = sum(len(group.get("remove") or []) for group in groups)
    kept = sum(len(group.get("keep") or []) for group in groups)
    return Forgotten(Status.SUCCESS, f"{removed} removed, {kept} kept", None, removed, kept)


def last_snapshot(config: Config) -> Generator[Effect, Result, datetime | None]:
    """Return when this workload's latest snapshot was made; None if none is known."""
    if config.missing:
        return None
    done: Completed = yield steps.snapshots(config)
    times = []
    for snapshot in array(done.text):
        try:
            times.append(datetime.fromisoformat(snapshot["time"]))
        except (ValueError, KeyError, TypeError):
            continue
    return max(times, default=None)
