"""Called by the supervisor: runs what is due. Imports the code for it only when needed."""

import time
from dataclasses import replace
from pathlib import Path

from contract import VERSION, names
from contract.annotations import settings
from contract.annotations.schedule import stable_hash
from runner.cli import load_config
from runner.config.model import Config
from runner.process.log import Log
from runner.process.signals import Stop
from runner.schedule import due
from runner.session import status
from runner.session.session import Session, alone
from runner.state.store import Store
from runner.steps.outcome import Outcome

_LEFT_TO_REPORT = 5  # seconds of the pod's grace period
_ASKED = "asked"  # a file: a backup was requested while another process ran one
_LOCKED_AGAIN = 60  # seconds until the next check while another process runs a backup


def tick(config: Config, log: Log, stop: Stop, *, start: bool, asked: bool) -> int:
    """Run what is due, announce the next check; return the exit status."""
    with alone(config, log, stop) as session:
        if session is None:
            log.line("info", "another run is in progress")
            store = Store(Path(config.paths.state))
            if asked:
                store.mark(_ASKED, wanted=True)
            store.announce(time.time() + _LOCKED_AGAIN)
        else:
            _look(session, start=start, asked=asked)
    return 0


def last(config: Config, log: Log, stop: Stop) -> int:
    """Make the last backup within the pod's grace period; return the exit status."""
    # The app has stopped: no hooks are needed, and there is no time to create a repository.
    config = replace(
        config,
        commands=replace(config.commands, pre=(), post=()),
        repository=replace(config.repository, may_init=False),
    )
    limit = max(1, config.timing.grace - _LEFT_TO_REPORT)
    with alone(config, log, stop, limit=limit) as session:
        if session and not config.settings[settings.PAUSED]:
            backup(session, "exit")
    return 0


def backup(session: Session, why: str, *, by_hand: bool = False) -> Outcome:
    """Back up now, save the outcome, and announce the next tick."""
    from runner.backup import run  # noqa: PLC0415 -- imported only when needed: it costs memory
    from runner.session import executor  # noqa: PLC0415 -- imported only when needed: it costs memory

    executor.lower_priority()
    outcome = run.backup(session, why)
    _save(session, by_hand=by_hand)
    return outcome


def _look(session: Session, *, start: bool, asked: bool) -> None:
    config, state = session.config, session.state
    changed = load_config.secret_changed()
    asked = asked or session.store.marked(_ASKED) or due.cured_by_secret(state, changed)
    may_read = start or changed != state.given.secret_changed  # as it may not have before
    if may_read:
        state.repository.append_only = False  # or it was; the next task shows it
    state.given.secret_changed = changed
    session.store.mark(_ASKED, wanted=False)
    state.repository.task = ""  # no run is in progress: we have the lock
    if start:
        own = config.identity
        session.log.line("info", "started", version=VERSION, host=own.host, tags=own.tags)
        state.given.told = []
        state.reports.shown = ""
        state.repository.restic = ""  # the image may have changed
    tell_problems(session)
    if may_read and not asked and not state.runs.derived:
        _recover(session)
    now = time.time()
    if start:
        due.remember_start(now, config, state)
    killed = start and bool(state.runs.running_since)
    decided = due.due(now, config, state, asked=asked)
    if killed or decided.probe or decided.backup:
        from runner.backup import recover_state, run  # noqa: PLC0415 -- imported only when needed
        from runner.session import executor  # noqa: PLC0415 -- imported only when needed

        executor.lower_priority()
        if killed:
            run.report_killed(session, now)
        if decided.probe:
            recover_state.recall(session)
            decided = due.due(now, config, state)
        if decided.backup:
            run.backup(session, decided.backup)
    _save(session)
    if not killed and not decided.backup:
        _push(session)


def _recover(session: Session) -> None:
    """Complete a new state from the repository, to make the status correct."""
    from runner.backup import recover_state  # noqa: PLC0415 -- a new pod does so once
    from runner.session import executor  # noqa: PLC0415 -- a new pod does so once

    session.save()  # until then, status says what is unknown
    executor.lower_priority()
    recover_state.first(session)


def _push(session: Session) -> None:
    """Push metrics without a run: for a new pod, a pause, or a Pushgateway that lost its data."""
    if session.config.receivers.pushgateway and not session.stop.asked:
        from runner.notify import dispatch  # noqa: PLC0415 -- imported only when needed

        dispatch.push(session, quick=True)  # a pod that stops now waits for it
        session.save()


def tell_problems(session: Session) -> None:
    """Log each invalid value once, when it appears."""
    problems = status.problems(session.config)
    for line in problems:
        if line not in session.state.given.told:
            session.log.line("warning", line)
    session.state.given.told = problems


def _save(session: Session, *, by_hand: bool = False) -> None:
    """Save the state and show it. Commands run ``by_hand`` do not write to the container's log: the
    supervisor's next check, which follows immediately, shows the status there.
    """
    session.state.given.good = dict(session.config.settings.given)
    session.plan()
    if not by_hand:
        _show(session)
    session.save()
    session.store.mark("on-exit", wanted=session.config.settings[settings.ON_EXIT])
    now = time.time()
    session.store.announce(now if by_hand else due.due(now, session.config, session.state).next)


def _show(session: Session) -> None:
    """Write the status to the log if it has changed; the plugin reads it there for many pods."""
    known = status.describe(session.config, session.state)
    shown = str(stable_hash(repr(known)))
    if shown != session.state.reports.shown:
        session.state.reports.shown = shown
        session.log.line("debug", names.STATUS_MESSAGE, **{names.STATUS_FIELD: known})
