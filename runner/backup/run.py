"""Runs: executes a backup and its retention, stores and reports the outcome."""

import time

from contract import names
from contract.annotations import quantity, settings, values
from contract.units import size
from runner.backup import attempt
from runner.maintenance import tasks, wholeness
from runner.mirror import archives
from runner.notify import digest, dispatch, metrics
from runner.process.environment import cache
from runner.process.folders import ownership, scratch
from runner.restic import commands
from runner.session.executor import Executor
from runner.session.session import Session
from runner.state.model import Last
from runner.steps.evaluate import Source
from runner.steps.outcome import Failure, Outcome, Status

_FIRST_KEPT = 10  # names of unreadable files that the state stores


def backup(session: Session, why: str) -> Outcome:
    """Back up, then apply retention if that is due; report each as it ends."""
    state, log = session.state, session.log
    started = time.time()
    state.runs.attempted = state.runs.running_since = started
    state.runs.run_now = session.config.settings.get(settings.RUN_NOW) or state.runs.run_now
    state_dir = session.config.paths.state
    ownership.tidy(state_dir)
    scratch.fresh(ownership.scratch(state_dir))
    session.save()
    half = int(quantity.parse(values.SCRATCH_BOUND) / 2)
    if freed := cache.bounded(ownership.cache(state_dir), half):
        log.line("info", f"restic's cache took {size(freed)} and was removed; restic rebuilds it")
    log.line("info", names.STARTED_MESSAGE, why=why)
    dispatch.began(session)
    made = attempt.attempt(session)
    outcome, sources = made.outcome, made.sources
    outcome = wholeness.judged(session, outcome)
    ended = time.time()
    state.repository.restic = state.repository.restic or _version(session)
    if outcome.initialised:
        log.line("warning", "a new repository was created; keep its password safe")
    if outcome.protected:
        if archives.is_gap(session.config, state.runs.last_success, ended):
            state.sources.resumed = ended
        state.runs.last_success = ended
        state.sources.accepted = False
        state.sources.full = [path for path, found in sources.items() if found == Source.FULL]
        if not outcome.shrunk and not session.limit:
            state.sources.usual = (outcome.counts.files, outcome.counts.source_bytes)
            state.sources.left_out = list(outcome.left_out)
    _finish(session, outcome, started, ended)
    if outcome.snapshot:  # also for volumes that lost files: the job must suspend retention
        tasks.record(session)
    if outcome.protected and not session.limit:
        tasks.do_all(session)
    return outcome


def _version(session: Session) -> str:
    """Return restic's version, such as ``0.19.1``; "" if unknown."""
    executor = Executor(session.config, session.log, session.stop)
    words = executor.execute(commands.version(), with_secret=False).text.split()
    return words[1] if words[:1] == ["restic"] and len(words) > 1 else ""


def report_killed(session: Session, now: float) -> None:
    """Report a run that was killed before it could report itself."""
    line = "the run was killed, usually for lack of memory: raise backup.memory-limit"
    outcome = Outcome(Status.FAILURE, line, Failure.MEMORY)
    _finish(session, outcome, session.state.runs.running_since, now)


def _finish(session: Session, outcome: Outcome, started: float, ended: float) -> None:
    """Store the outcome in the state; write log, notifications and metrics."""
    state, counts = session.state, outcome.counts
    state.runs.running_since = 0
    state.runs.last = Last(
        started=started,
        ended=ended,
        status=outcome.status.value,
        message=outcome.message,
        failure=outcome.failure.value if outcome.failure else None,
        exit_code=outcome.exit_code,
        snapshot=outcome.snapshot,
        new=counts.new,
        changed=counts.changed,
        unmodified=counts.unmodified,
        source_bytes=counts.source_bytes,
        added_bytes=counts.added_bytes,
        read_errors=outcome.read_errors,
        unreadable=list(outcome.unreadable[:_FIRST_KEPT]),
    )
    good = outcome.status in {Status.SUCCESS, Status.WARNING}
    state.runs.failures = 0 if good else state.runs.failures + 1
    # An archive may have a mirror's earlier copy of unreadable files.
    unread = session.config.mirrors and outcome.read_errors > 0
    state.sources.held = outcome.lost_files or unread or (state.sources.held and not good)
    if outcome.stale_locks is not None:
        state.repository.stale_locks = outcome.stale_locks
    session.plan()
    digest.note(session.config, state)
    session.log.line(
        metrics.level(outcome.status),
        f"backup {outcome.status}: {outcome.message}",
        **metrics.fields(state.runs.last),
    )
    session.save()
    dispatch.deliver(session, ended)
