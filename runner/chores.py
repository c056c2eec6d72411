"""The chores that follow a backup when they are due, each with its own status and time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from runner import (
    archives,
    deliver,
    due,
    recording,
    report,
    shrinking,
    steps,
    upkeep,
    verify,
    wholeness,
)
from runner.config import Config
from runner.outcome import Chored, Failure, Status
from runner.restic import Door
from runner.session import Session

SECOND = "second"
_ELSEWHERE = ("copy", "copy_forget", "copy_prune")  # what fails there may be the other repository


def do_all(session: Session) -> None:
    """Do what is due; a backup that falls due meanwhile goes first."""
    config = shrinking.retained(session)
    follow = Door(config, session.log, session.stop).follow
    if config.mirrors:  # there is nothing else to do for a mirror
        resumed = datetime.fromtimestamp(session.state.resumed, UTC)
        now = datetime.now(UTC)
        _do(session, "forget", lambda t: follow(archives.forget(config, now, resumed, t)))
        return
    if config.central:
        _leave(session)
    else:
        _do(session, "forget", lambda t: follow(upkeep.retention(config, datetime.now(UTC), t)))
        _do(session, "prune", lambda t: follow(upkeep.prune(config, datetime.now(UTC), t)))
        _do(session, "check", lambda t: follow(upkeep.check(config, datetime.now(UTC), t)))
        if config.second is not None:
            _copy(session, config)
    _do(session, "verify", lambda t: verify.verify(session, t))


def record(session: Session) -> None:
    """Tell the maintenance job of this workload's retention, where that is new to it."""
    config, state = session.config, session.state
    if session.limit or session.stop.asked or not recording.is_due(config, state, time.time()):
        return
    follow = Door(config, session.log, session.stop).follow
    done = follow(recording.record(config, state, datetime.now(UTC)))
    session.log.line(report.level(done.status), f"record {done.status}: {done.message}")
    session.save()


def _leave(session: Session) -> None:
    """Leave to the maintenance job what it does; look daily whether it is there at all."""
    config, state, now = session.config, session.state, time.time()
    follow = Door(config, session.log, session.stop).follow
    for name in due.central(config)[1:]:
        known = state.chore(name)
        if (known.status, known.message) != (Status.SKIPPED, recording.LEFT):
            _note(session, name, Chored(Status.SKIPPED, recording.LEFT))
    if not session.stop.asked and due.has_come("forget", now, config, state):
        begin(session, "forget", lambda: follow(recording.left(config, state, datetime.now(UTC))))


def _copy(session: Session, config: Config) -> None:
    state = session.state
    follow = Door(config, session.log, session.stop).follow
    had = bool(state.chore("copy").success)
    _do(session, "copy", lambda t: follow(upkeep.copy(config, t, had_success=had)))
    if state.chore("copy").status == Status.SUCCESS:
        now = datetime.now(UTC)
        _do(session, "copy_forget", lambda t: follow(upkeep.retention(config, now, t, SECOND)))
        _do(session, "copy_prune", lambda t: follow(upkeep.prune(config, now, t, SECOND)))


def by_hand(session: Session, name: str) -> Chored:
    """Verify, check or prune now, whatever the cadence and whoever's turn it is."""
    config = session.config
    follow = Door(config, session.log, session.stop).follow
    asked: dict[str, Callable[[], Chored]] = {
        "verify": lambda: verify.verify(session, 0),
        "check": lambda: follow(upkeep.alone(steps.check(config, 0))),
        "prune": lambda: follow(upkeep.alone(steps.prune(config, 0))),
    }
    if line := config.obstacle:
        return _note(session, name, Chored(Status.FAILURE, line, Failure.CONFIG))
    return begin(session, name, asked[name])


def unlock(session: Session) -> Chored:
    """Remove the repository's locks if all are old, and tell it."""
    config = session.config
    if line := config.obstacle:
        done = Chored(Status.FAILURE, line, Failure.CONFIG)
    else:
        follow = Door(config, session.log, session.stop).follow
        done = follow(upkeep.unlock(config, datetime.now(UTC), session.state.unread_locks))
    session.log.line(report.level(done.status), f"unlock {done.status}: {done.message}")
    return done


def _do(session: Session, name: str, chore: Callable[[float], Chored]) -> None:
    now = time.time()
    if session.stop.asked or not due.chore_is_due(name, now, session.config, session.state):
        return
    limit = due.time_for_chores(now, session.config)
    if limit > 0:
        begin(session, name, lambda: chore(limit))


def begin(session: Session, name: str, chore: Callable[[], Chored]) -> Chored:
    """Do a chore, remember what became of it, and tell it."""
    known = session.state.chore(name)
    known.attempted = time.time()
    known.tries += 1
    session.state.task = name
    session.save()
    return _note(session, name, chore())


def _note(session: Session, name: str, done: Chored) -> Chored:
    """Remember what became of a chore, and tell it."""
    state = session.state
    known = state.chore(name)
    known.status, known.message = done.status.value, done.message
    state.task = ""
    if done.status == Status.SUCCESS:
        known.success = time.time()
    if name not in _ELSEWHERE:
        wholeness.note(session, done.status, done.failure, done.message, name)
        if done.status == Status.SUCCESS:
            wholeness.proved(session, name)
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
    return done
