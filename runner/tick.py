"""One look at what is due, called by the supervisor; what does the work is imported only then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from contract import VERSION, names, settings
from contract.schedule import stable_hash
from runner import due, inputs, status
from runner import state as states
from runner.asked import Asked, Restored
from runner.config import Config
from runner.log import Log
from runner.outcome import Chored, Outcome, Status
from runner.session import Session
from runner.state import State
from runner.stop import Stop
from runner.store import Store

_LEFT_TO_REPORT = 5  # seconds of the pod's grace period
_LOCKED_AGAIN = 60  # seconds until the next look while another process runs a backup
_SKIPPED = 75  # exit status, as of sysexits.h: try again later


def tick(config: Config, log: Log, stop: Stop, *, start: bool, asked: bool) -> int:
    """Do what is due, announce when to look again; return the exit status."""
    with _alone(config, log, stop) as session:
        if session is None:
            log.line("info", "another run is in progress")
            Store(Path(config.state_dir)).announce(time.time() + _LOCKED_AGAIN)
        else:
            _look(session, start=start, asked=asked)
    return 0


def last(config: Config, log: Log, stop: Stop) -> int:
    """Back up a last time, in what the pod's grace period leaves; return the exit status."""
    # The app is gone: there is nothing to freeze, and no time to create a repository.
    config = replace(config, pre=(), post=(), may_init=False)
    limit = max(1, config.grace - _LEFT_TO_REPORT)
    with _alone(config, log, stop, limit) as session:
        if session and not config.settings[settings.PAUSED]:
            _backup(session, "exit")
    return 0


def run_once(config: Config, log: Log, stop: Stop) -> int:
    """Run one backup now, from outside the supervisor; return 0, 1 or 75 (skipped)."""
    with _alone(config, log, stop) as session:
        return (
            exit_status(_backup(session, "asked", by_hand=True).status) if session else _busy(log)
        )


def chore(config: Config, log: Log, stop: Stop, name: str) -> int:
    """Verify, check or prune now, from outside the supervisor; return 0, 1 or 75 (skipped)."""
    from runner import chores, ownership, restic, scratch  # noqa: PLC0415 -- only where there is work

    with _alone(config, log, stop) as session:
        if session is None:
            return _busy(log)
        restic.lower_priority()
        scratch.fresh(ownership.scratch(config.state_dir))
        done = chores.by_hand(session, name)
        session.save()
        session.store.announce(time.time())
    return exit_status(done.status)


def restore(config: Config, log: Log, stop: Stop, asked: Asked) -> tuple[int, Restored | None]:
    """Restore what is asked for; return 0, 1 or 75 (skipped), and what came of it."""
    from runner import restic  # noqa: PLC0415 -- only where there is work
    from runner import restore as restoring  # noqa: PLC0415 -- likewise

    with _alone(config, log, stop) as session:
        if session is None:
            return _busy(log), None
        restic.lower_priority()
        done = restoring.restore(session, asked)
    return exit_status(done.status), done


def load(config: Config, log: Log, stop: Stop, work: Callable[[Session], Chored]) -> int:
    """Load a dump; return 0, 1 or 75 (skipped)."""
    from runner import report, restic  # noqa: PLC0415 -- only where there is work

    with _alone(config, log, stop) as session:
        if session is None:
            return _busy(log)
        restic.lower_priority()
        done = work(session)
        log.line(report.level(done.status), f"load {done.status}: {done.message}")
    return exit_status(done.status)


def accept(config: Config, log: Log, stop: Stop) -> int:
    """Forget how much the sources held; return 0, or 75 where a run is in progress."""
    with _alone(config, log, stop) as session:
        if session is None:
            return _busy(log)
        state = session.state
        state.full, state.usual, state.held = [], None, False
        state.accepted = True
        session.store.save(state)  # or raise: nobody is to believe that it was kept
        session.save()
        session.store.announce(time.time())
    log.line("info", "accepted; the next backup says how much there is")
    return 0


def unlock(config: Config, log: Log, stop: Stop) -> int:
    """Remove the repository's locks if all are old; return 0, 1, or 75 where one may be alive."""
    from runner import chores  # noqa: PLC0415 -- only where there is work

    with _alone(config, log, stop) as session:
        return exit_status(chores.unlock(session).status) if session else _busy(log)


def maintain(config: Config, log: Log, stop: Stop, *, dry_run: bool) -> int:
    """Look after a repository that many share; return 0, 1 or 75 (skipped)."""
    from runner import maintain as job  # noqa: PLC0415 -- only where it is wanted

    status = job.maintain(config, log, stop, dry_run=dry_run)
    return _busy(log) if status is None else exit_status(status)


@contextmanager
def _alone(config: Config, log: Log, stop: Stop, limit: float = 0) -> Iterator[Session | None]:
    """Give a session that no other process works beside; None where one is at work already."""
    store = Store(Path(config.state_dir))
    with store.lock() as mine:
        yield Session(config, _load(config, store), store, log, stop, limit) if mine else None


def _busy(log: Log) -> int:
    log.line("warning", "another run is in progress; nothing was done")
    return _SKIPPED


def exit_status(status: Status) -> int:
    """Return 0 for what is good, 75 for what was skipped, else 1."""
    good = {Status.SUCCESS: 0, Status.WARNING: 0, Status.SKIPPED: _SKIPPED}
    return good.get(status, 1)


def _backup(session: Session, why: str, *, by_hand: bool = False) -> Outcome:
    from runner import restic, work  # noqa: PLC0415 -- only where there is work: it costs memory

    restic.lower_priority()
    outcome = work.backup(session, why)
    _save(session, by_hand=by_hand)
    return outcome


def _load(config: Config, store: Store) -> State:
    """Return the state, new where there is none; what is annotated already starts no run."""
    run_now = config.settings.get(settings.RUN_NOW) or ""
    return store.load() or states.new(time.time(), run_now)


def _look(session: Session, *, start: bool, asked: bool) -> None:
    config, state = session.config, session.state
    now = time.time()
    changed = inputs.secret_changed()
    asked = asked or due.cured_by_secret(state, changed)
    if start or changed != state.secret_changed:
        state.append_only = False  # or it was; the next chore shows it
    state.secret_changed = changed
    if start:
        session.log.line("info", "started", version=VERSION, host=config.host, tags=config.tags)
        state.told = []
        state.shown = ""
        state.restic = ""  # the image may be another one
        due.remember_start(now, config, state)
    _tell_problems(session)
    killed = start and bool(state.running_since)
    decided = due.due(now, config, state, asked=asked)
    if killed or decided.probe or decided.backup:
        from runner import recall, restic, work  # noqa: PLC0415 -- only where there is work

        restic.lower_priority()
        if killed:
            work.report_killed(session, now)
        if decided.probe:
            recall.recall(session)
            state.attempted = max(state.attempted, state.last_success)
            decided = due.due(now, config, state)
        if decided.backup:
            work.backup(session, decided.backup)
    _save(session)
    if not killed and not decided.backup:
        _push(session)


def _push(session: Session) -> None:
    """Push metrics though nothing ran: a new pod, a pause, or to a Pushgateway that was emptied."""
    if session.config.pushgateway and not session.stop.asked:
        from runner import deliver  # noqa: PLC0415 -- only where there is somebody to tell

        deliver.push(session, quick=True)  # a pod that is to stop meanwhile waits for it
        session.save()


def _tell_problems(session: Session) -> None:
    """Name each value that cannot be used once, when it comes."""
    problems = [session.log.mask(str(problem)) for problem in session.config.problems]
    for line in problems:
        if line not in session.state.told:
            session.log.line("warning", line)
    session.state.told = problems


def _save(session: Session, *, by_hand: bool = False) -> None:
    """Keep the state and show it. What is done ``by_hand`` has no part in the container's log:
    the supervisor's next look, at once, shows it there."""
    now = time.time()
    session.state.next_due = due.next_slot(now, session.config) or 0
    session.state.good = dict(session.config.settings.given)
    if not by_hand:
        _show(session)
    session.save()
    session.store.mark("on-exit", wanted=session.config.settings[settings.ON_EXIT])
    session.store.announce(now if by_hand else due.due(now, session.config, session.state).next)


def _show(session: Session) -> None:
    """Write the status to the log where it has changed: whoever asks many pods reads it there."""
    known = status.describe(session.config, session.state)
    shown = str(stable_hash(repr(known)))
    if shown != session.state.shown:
        session.state.shown = shown
        session.log.line("debug", names.STATUS_MESSAGE, **{names.STATUS_FIELD: known})
