"""Recovers what a new state cannot know and the repository does: the last backup and its size."""

import time
from pathlib import Path

from runner import handover, history, mirror, remotes
from runner.conversation import Ended
from runner.history import Snapshot
from runner.outcome import Outcome
from runner.restic import Door
from runner.session import Session

_FIRST = 30  # seconds that the first tick takes for it; later the run itself reports what is wrong


def first(session: Session) -> None:
    """Recover state in the first tick, bounded: by what the restore left, or the repository."""
    config, log = session.config, session.log
    if config.obstacle:
        return
    found = handover.take(Path(config.state_dir), config, time.time())
    if found is not None:
        _take(session, history.last_of(config, found))
        return
    outcome = recall(session, _FIRST)
    if not session.state.derived and not session.stop.asked:
        why = f": {outcome.message}" if outcome else ""
        log.line("info", f"the last backup is unknown yet, the repository cannot be read{why}")


def recall(session: Session, limit: float = 0) -> Outcome | None:
    """Ask the repository, until it has answered once; return how a run ends that it keeps waiting.

    ``limit``: seconds that it may take, 0 for as long as a run waits. Where it answers with an
    error, the backup itself meets and names it.
    """
    config, state = session.config, session.state
    if state.derived or session.limit or config.obstacle:
        return None
    # A tick asks before there is an attempt; what an attempt has prepared is only compared.
    if unwritable := remotes.prepare(config):
        return unwritable
    door = Door(config, session.log, session.stop)
    try:
        if config.mirrors:
            made, certain = door.follow(mirror.last_success(config))
            last = Snapshot(made, None) if made else None
        else:
            last, certain = door.follow(history.last_snapshot(config, limit))
    except Ended as ended:
        return ended.outcome
    if certain:
        _take(session, last)
    return None


def _take(session: Session, last: Snapshot | None) -> None:
    """Take what is certain into the state."""
    state = session.state
    state.derived = True
    if last is None:
        return
    state.inherited = True
    state.usual = last.held
    state.last_success = max(state.last_success, last.made.timestamp())
    state.attempted = max(state.attempted, state.last_success)
