"""Runs: a backup and the retention after it, carried out, remembered and reported."""

import time

from contract import names, quantity, settings, values
from runner import (
    archives,
    attempt,
    cache,
    chores,
    deliver,
    digest,
    ownership,
    report,
    scratch,
    steps,
    wholeness,
)
from runner.judge import Source
from runner.outcome import Failure, Outcome, Status, size
from runner.restic import Door
from runner.session import Session
from runner.state import Last

_FIRST_KEPT = 10  # unreadable names that state keeps


def backup(session: Session, why: str) -> Outcome:
    """Back up, then apply retention if that is due; report each as it ends."""
    state, log = session.state, session.log
    started = time.time()
    state.attempted = state.running_since = started
    state.run_now = session.config.settings.get(settings.RUN_NOW) or state.run_now
    state_dir = session.config.state_dir
    ownership.tidy(state_dir)
    scratch.fresh(ownership.scratch(state_dir))
    session.save()
    half = int(quantity.parse(values.SCRATCH_BOUND) / 2)
    if freed := cache.bounded(ownership.cache(state_dir), half):
        log.line("info", f"restic's cache took {size(freed)} and was removed: restic makes it anew")
    log.line("info", names.STARTED_MESSAGE, why=why)
    deliver.began(session)
    outcome, sources = attempt.attempt(session)
    outcome = wholeness.judged(session, outcome)
    ended = time.time()
    state.restic = state.restic or _version(session)
    if outcome.initialised:
        log.line("warning", "a new repository was created; keep its password safe")
    if outcome.protected:
        if archives.is_gap(session.config, state.last_success, ended):
            state.resumed = ended
        state.last_success = ended
        state.accepted = False
        state.full = [path for path, found in sources.items() if found == Source.FULL]
        if not outcome.shrunk and not session.limit:
            state.usual = (outcome.counts.files, outcome.counts.source_bytes)
            state.left_out = list(outcome.left_out)
    _finish(session, outcome, started, ended)
    if outcome.snapshot:  # of volumes that lost files too: the job is to hold retention
        chores.record(session)
    if outcome.protected and not session.limit:
        chores.do_all(session)
    return outcome


def _version(session: Session) -> str:
    """Return restic's version, such as ``0.19.1``; "" where it does not say."""
    door = Door(session.config, session.log, session.stop)
    words = door.execute(steps.version(), with_secret=False).text.split()
    return words[1] if words[:1] == ["restic"] and len(words) > 1 else ""


def report_killed(session: Session, now: float) -> None:
    """Report a run that began and never ended; it could not do so itself."""
    line = "the run was killed; memory is the usual cause: see backup.memory-limit"
    outcome = Outcome(Status.FAILURE, line, Failure.MEMORY)
    _finish(session, outcome, session.state.running_since, now)


def _finish(session: Session, outcome: Outcome, started: float, ended: float) -> None:
    """Keep the outcome in state, and tell log, people and metrics."""
    state, counts = session.state, outcome.counts
    state.running_since = 0
    state.last = Last(
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
    state.failures = 0 if good else state.failures + 1
    # A mirror's earlier copy of what could not be read may lie in an archive.
    unread = session.config.mirrors and outcome.read_errors > 0
    state.held = outcome.lost_files or unread or (state.held and not good)
    if outcome.stale_locks is not None:
        state.stale_locks = outcome.stale_locks
    session.plan()
    digest.note(session.config, state)
    session.log.line(
        report.level(outcome.status),
        f"backup {outcome.status}: {outcome.message}",
        **report.fields(state.last),
    )
    session.save()
    deliver.deliver(session, ended)
