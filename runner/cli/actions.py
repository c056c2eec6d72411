"""Commands for people and scripts; each waits until no other run is in progress."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from contract import exit_codes
from runner.cli import tick
from runner.config.model import Config
from runner.process import waiting
from runner.process.log import Log
from runner.process.signals import Stop
from runner.restore.request import Asked, Restored
from runner.session import session as sessions
from runner.session.session import Session
from runner.steps.outcome import Status
from runner.steps.task import TaskResult


@dataclass(frozen=True, slots=True)
class Ended:
    """``code`` is 0, 1 or 75 (skipped); ``restored`` is None if another run was in progress."""

    code: int
    restored: Restored | None = None


def run_once(config: Config, log: Log, stop: Stop) -> int:
    """Run one backup now, from outside the supervisor; return 0, 1 or 75 (skipped)."""
    with _alone(config, log, stop) as session:
        if session is None:
            return _busy(log, stop)
        tick.tell_problems(session)
        return exit_status(tick.backup(session, "asked", by_hand=True).status)


def task(config: Config, log: Log, stop: Stop, name: str) -> int:
    """Verify, check or prune now, from outside the supervisor; return 0, 1 or 75 (skipped)."""
    from runner.maintenance import tasks  # noqa: PLC0415 -- imported only when needed
    from runner.process.folders import ownership, scratch  # noqa: PLC0415 -- imported only when needed
    from runner.session import executor  # noqa: PLC0415 -- imported only when needed

    with _alone(config, log, stop) as session:
        if session is None:
            return _busy(log, stop)
        executor.lower_priority()
        scratch.fresh(ownership.scratch(config.paths.state))
        done = tasks.by_hand(session, name)
        session.save()
        session.store.announce(time.time())
    return exit_status(done.status)


def restore(config: Config, log: Log, stop: Stop, asked: Asked) -> Ended:
    """Run the requested restore and return its result."""
    from runner.restore import command as restoring  # noqa: PLC0415 -- as above
    from runner.session import executor  # noqa: PLC0415 -- imported only when needed

    with _alone(config, log, stop, "restore") as session:
        if session is None:
            return Ended(_busy(log, stop))
        executor.lower_priority()
        done = restoring.restore(session, asked)
    return Ended(exit_status(done.status), done)


def load(config: Config, log: Log, stop: Stop, work: Callable[[Session], TaskResult]) -> int:
    """Load a dump; return 0, 1 or 75 (skipped)."""
    from runner.notify import metrics  # noqa: PLC0415 -- imported only when needed
    from runner.session import executor  # noqa: PLC0415 -- imported only when needed

    with _alone(config, log, stop, "load") as session:
        if session is None:
            return _busy(log, stop)
        executor.lower_priority()
        done = work(session)
        log.line(metrics.level(done.status), f"load {done.status}: {done.message}")
    return exit_status(done.status)


def accept(config: Config, log: Log, stop: Stop) -> int:
    """Accept shrunken sources; return 0, or 75 if a run is in progress."""
    with _alone(config, log, stop) as session:
        if session is None:
            return _busy(log, stop)
        state = session.state
        state.sources.full, state.sources.usual, state.sources.held = [], None, False
        state.sources.accepted = True
        session.store.save(state)  # or raise: callers must not believe that it was saved
        session.save()
        session.store.announce(time.time())
    log.line("info", "accepted; the next backup records the new size")
    return 0


def accept_retention(config: Config, log: Log, stop: Stop) -> int:
    """Accept shorter retention now; return 0, 1 if none is pending, or 75 if a run is in
    progress.
    """
    from runner.maintenance.retention import shrinking  # noqa: PLC0415 -- imported only when needed

    with _alone(config, log, stop) as session:
        if session is None:
            return _busy(log, stop)
        if not shrinking.accept(session):
            log.line("warning", "no shorter retention is pending; nothing was done")
            return 1
        session.store.save(session.state)  # or raise: callers must not believe that it was saved
        session.save()
        session.store.announce(time.time())
    log.line("info", "accepted; the shorter retention applies from the next run")
    return 0


def unlock(config: Config, log: Log, stop: Stop) -> int:
    """Remove the repository's locks if all are stale; return 0, 1, or 75 if one may be in use."""
    from runner.maintenance import tasks  # noqa: PLC0415 -- imported only when needed

    with _alone(config, log, stop) as session:
        return exit_status(tasks.unlock(session).status) if session else _busy(log, stop)


def maintain(
    config: Config, log: Log, stop: Stop, *, dry_run: bool, accepted: tuple[str, ...]
) -> int:
    """Maintain a shared repository; return 0, 1 or 75 (skipped)."""
    from runner.maintenance.central import command as job  # noqa: PLC0415 -- imported only when needed

    status = job.maintain(config, log, stop, dry_run=dry_run, accepted=accepted)
    return _busy(log, stop) if status is None else exit_status(status)


@contextmanager
def _alone(config: Config, log: Log, stop: Stop, task: str = "") -> Iterator[Session | None]:
    """Yield a session once no other run is in progress; None if that takes too long.

    The status shows the ``task``; whatever falls due in that time runs right after it.
    """
    wait = waiting.for_turn(log, stop, config.timing.wait)
    with sessions.alone(config, log, stop, wait=wait) as session:
        if session is None or not task:
            yield session
            return
        session.state.repository.task = task
        session.save()
        try:
            yield session
        finally:
            session.state.repository.task = ""
            session.save()
            session.store.announce(time.time())


def _busy(log: Log, stop: Stop) -> int:
    """Log why nothing was done; return the exit status."""
    if stop.signal:
        log.line("warning", "stopped while another run was in progress; nothing was done")
        return exit_codes.SIGNALLED + stop.signal
    log.line("warning", "another run is in progress; nothing was done")
    return exit_codes.TRY_AGAIN


def exit_status(status: Status) -> int:
    """Return 0 for success and warning, 75 for skipped, else 1."""
    good = {Status.SUCCESS: 0, Status.WARNING: 0, Status.SKIPPED: exit_codes.TRY_AGAIN}
    return good.get(status, 1)
