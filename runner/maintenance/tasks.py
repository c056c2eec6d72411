"""Runs the due tasks after a backup, each with its own status and time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from runner.config.model import Config
from runner.maintenance import operations, wholeness
from runner.maintenance.retention import publish_policy, shrinking
from runner.maintenance.verify import drill
from runner.mirror import archives
from runner.notify import dispatch, metrics
from runner.restic import commands
from runner.schedule import due
from runner.session.executor import Executor
from runner.session.session import Session
from runner.steps.outcome import Failure, Status
from runner.steps.task import TaskResult

SECOND = "second"
_ELSEWHERE = ("copy", "copy_forget", "copy_prune")  # what fails there may be the other repository


def do_all(session: Session) -> None:
    """Run due tasks; a backup that falls due meanwhile goes first."""
    config = shrinking.retained(session)
    follow = Executor(config, session.log, session.stop).follow
    if config.mirrors:  # there is nothing else to do for a mirror
        resumed = datetime.fromtimestamp(session.state.sources.resumed, UTC)
        now = datetime.now(UTC)
        _do(session, "forget", lambda t: follow(archives.forget(config, now, resumed, t)))
        return
    if config.central:
        _leave(session)
    else:
        _do(session, "forget", lambda t: follow(operations.retention(config, datetime.now(UTC), t)))
        _do(session, "prune", lambda t: follow(operations.prune(config, datetime.now(UTC), t)))
        _do(session, "check", lambda t: follow(operations.check(config, datetime.now(UTC), t)))
        if config.repository.second is not None:
            _copy(session, config)
    _do(session, "verify", lambda t: drill.verify(session, t))


def record(session: Session) -> None:
    """Tell the maintenance job of this workload's retention, if that is new to it."""
    config, state = session.config, session.state
    if session.limit or session.stop.asked or not publish_policy.is_due(config, state, time.time()):
        return
    follow = Executor(config, session.log, session.stop).follow
    done = follow(publish_policy.record(config, state, datetime.now(UTC)))
    session.log.line(metrics.level(done.status), f"record {done.status}: {done.message}")
    session.save()


def _leave(session: Session) -> None:
    """Leave tasks to the maintenance job; check daily whether there is one."""
    config, state, now = session.config, session.state, time.time()
    follow = Executor(config, session.log, session.stop).follow
    for name in due.central(config)[1:]:
        known = state.repository.of_task(name)
        if (known.status, known.message) != (Status.SKIPPED, publish_policy.LEFT):
            _note(session, name, TaskResult(Status.SKIPPED, publish_policy.LEFT))
    if not session.stop.asked and due.has_come("forget", now, config, state):
        begin(
            session, "forget", lambda: follow(publish_policy.left(config, state, datetime.now(UTC)))
        )


def _copy(session: Session, config: Config) -> None:
    state = session.state
    follow = Executor(config, session.log, session.stop).follow
    had = bool(state.repository.of_task("copy").success)
    _do(session, "copy", lambda t: follow(operations.copy(config, t, had_success=had)))
    if state.repository.of_task("copy").status == Status.SUCCESS:
        now = datetime.now(UTC)
        _do(session, "copy_forget", lambda t: follow(operations.retention(config, now, t, SECOND)))
        _do(session, "copy_prune", lambda t: follow(operations.prune(config, now, t, SECOND)))


def by_hand(session: Session, name: str) -> TaskResult:
    """Verify, check or prune now, without schedule and election."""
    config = session.config
    follow = Executor(config, session.log, session.stop).follow
    asked: dict[str, Callable[[], TaskResult]] = {
        "verify": lambda: drill.verify(session, 0),
        "check": lambda: follow(operations.alone(commands.check(config, 0))),
        "prune": lambda: follow(operations.alone(commands.prune(config, 0))),
    }
    if line := config.obstacle:
        return _note(session, name, TaskResult(Status.FAILURE, line, Failure.CONFIG))
    return begin(session, name, asked[name])


def unlock(session: Session) -> TaskResult:
    """Remove the repository's locks if all are old, and tell it."""
    config = session.config
    if line := config.obstacle:
        done = TaskResult(Status.FAILURE, line, Failure.CONFIG)
    else:
        follow = Executor(config, session.log, session.stop).follow
        unread = session.state.repository.unread_locks
        done = follow(operations.unlock(config, datetime.now(UTC), unread))
    session.log.line(metrics.level(done.status), f"unlock {done.status}: {done.message}")
    return done


def _do(session: Session, name: str, task: Callable[[float], TaskResult]) -> None:
    now = time.time()
    if session.stop.asked or not due.task_is_due(name, now, session.config, session.state):
        return
    limit = due.time_for_tasks(now, session.config)
    if limit > 0:
        begin(session, name, lambda: task(limit))


def begin(session: Session, name: str, task: Callable[[], TaskResult]) -> TaskResult:
    """Do a task, record its result in the state, and report it."""
    known = session.state.repository.of_task(name)
    known.attempted = time.time()
    known.tries += 1
    session.state.repository.task = name
    session.save()
    return _note(session, name, task())


def _note(session: Session, name: str, done: TaskResult) -> TaskResult:
    """Save and report the result of a task."""
    state = session.state
    known = state.repository.of_task(name)
    known.status, known.message = done.status.value, done.message
    state.repository.task = ""
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
        state.repository.snapshots = done.kept
    if (
        done.status == Status.SKIPPED
        and done.failure == Failure.AUTH
        and not name.startswith("copy")
    ):
        state.repository.append_only = True
    session.log.line(metrics.level(done.status), f"{name} {done.status}: {done.message}")
    dispatch.push(session)
    return done
