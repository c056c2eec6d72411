"""The chores that follow a backup when they are due, each with its own status and time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from runner import archives, deliver, due, report, upkeep
from runner.outcome import Chored, Failure, Status
from runner.restic import Door
from runner.session import Session
from runner.upkeep import Chore

SECOND = "second"


def do_all(session: Session) -> None:
    """Do what is due; a backup that falls due meanwhile goes first."""
    config = session.config
    if config.mirrors:  # there is nothing else to do for a mirror
        resumed = datetime.fromtimestamp(session.state.resumed, UTC)
        _do(session, "forget", lambda t: archives.forget(config, datetime.now(UTC), resumed, t))
        return
    _do(session, "forget", lambda limit: upkeep.retention(config, datetime.now(UTC), limit))
    _do(session, "prune", lambda limit: upkeep.prune(config, datetime.now(UTC), limit))
    _do(session, "check", lambda limit: upkeep.check(config, datetime.now(UTC), limit))
    if config.second is None:
        return
    had = bool(session.state.chore("copy").success)
    _do(session, "copy", lambda limit: upkeep.copy(config, limit, had_success=had))
    if session.state.chore("copy").status == Status.SUCCESS:
        _do(
            session, "copy_forget", lambda t: upkeep.retention(config, datetime.now(UTC), t, SECOND)
        )
        _do(session, "copy_prune", lambda t: upkeep.prune(config, datetime.now(UTC), t, SECOND))


def _do(session: Session, name: str, chore: Callable[[float], Chore]) -> None:
    now = time.time()
    if session.stop.asked or not due.chore_is_due(name, now, session.config, session.state):
        return
    limit = due.time_for_chores(now, session.config)
    if limit <= 0:
        return
    known = session.state.chore(name)
    known.attempted = now
    known.tries += 1
    session.save()
    door = Door(session.config, session.log, session.stop)
    _note(session, name, door.follow(chore(limit)))


def _note(session: Session, name: str, done: Chored) -> None:
    """Remember what became of a chore, and tell it."""
    state = session.state
    known = state.chore(name)
    known.status, known.message = done.status.value, session.log.mask(done.message)
    if done.status == Status.SUCCESS:
        known.success = time.time()
    known.again = done.status == Status.INTERRUPTED or done.failure == Failure.LOCKED
    if not known.again:
        known.tries = 0
    if done.kept is not None:
        state.snapshots = done.kept
    if (
        done.status == Status.SKIPPED
        and done.failure == Failure.AUTH
        and not name.startswith("copy")
    ):
        state.append_only = True
    session.log.line(report.level(done.status), f"{name} {done.status}: {done.message}")
    deliver.push(session)
