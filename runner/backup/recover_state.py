"""Recovers state of a new pod from the repository: the last backup and its size."""

import time
from pathlib import Path

from runner.mirror import sync
from runner.process.environment import rclone_conf
from runner.restic import snapshots
from runner.restic.snapshots import LastBackup
from runner.session.executor import Executor
from runner.session.session import Session
from runner.state import handover
from runner.steps.outcome import Outcome
from runner.steps.step import RunEnded

_FIRST = 30  # limit of the first tick in seconds; later the run itself reports errors


def first(session: Session) -> None:
    """Recover state in the first tick, within a time limit: from the handover, or the
    repository.
    """
    config, log = session.config, session.log
    if config.obstacle:
        return
    found = handover.take(Path(config.paths.state), config, time.time())
    if found is not None:
        _take(session, snapshots.last_of(config, found))
        return
    outcome = recall(session, _FIRST)
    if not session.state.runs.derived and not session.stop.asked:
        why = f": {outcome.message}" if outcome else ""
        log.line("info", f"last backup unknown yet: the repository cannot be read{why}")


def recall(session: Session, limit: float = 0) -> Outcome | None:
    """Ask the repository until it has answered once; return the outcome of a run that it blocks.

    ``limit``: time limit in seconds, 0 for the limit of a run. The backup itself reports errors of
    the repository.
    """
    config, state = session.config, session.state
    if state.runs.derived or session.limit or config.obstacle:
        return None
    # A tick asks before there is an attempt; facts of an attempt are only compared.
    if unwritable := rclone_conf.prepare(config):
        return unwritable
    executor = Executor(config, session.log, session.stop)
    try:
        if config.mirrors:
            last = executor.follow(sync.last_success(config))
        else:
            last = executor.follow(snapshots.last_backup(config, limit))
    except RunEnded as ended:
        return ended.outcome
    if last.is_certain:
        _take(session, last)
    return None


def _take(session: Session, last: LastBackup) -> None:
    """Copy what is certain into the state."""
    state = session.state
    state.runs.derived = True
    if last.made is None:
        return
    state.runs.inherited = True
    state.sources.usual = last.size
    state.runs.last_success = max(state.runs.last_success, last.made.timestamp())
    state.runs.attempted = max(state.runs.attempted, state.runs.last_success)
