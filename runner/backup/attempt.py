"""One attempt at a backup: the steps before it, the backup, and the steps that always follow."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime

from runner.backup import effects, recover_state, volumes
from runner.backup import folders as finding
from runner.backup.databases import Databases
from runner.backup.folders import Found
from runner.mirror import sync
from runner.process.environment import rclone_conf
from runner.restic import snapshots
from runner.session.executor import Executor
from runner.session.session import Session
from runner.steps.evaluate import Facts, Source
from runner.steps.outcome import Failure, Outcome, Status
from runner.steps.step import Effect, Result, RunEnded

Sources = dict[str, Source]


@dataclass(frozen=True, slots=True)
class Attempt:
    """The outcome of a backup, and the facts about its sources."""

    outcome: Outcome
    sources: Sources


def attempt(session: Session) -> Attempt:
    """Make one backup and return its outcome, even after an exception."""
    executor = Executor(session.config, session.log, session.stop)
    sources: Sources = {}
    try:
        outcome = (
            executor.follow(volumes.before(session.config))
            or rclone_conf.prepare(session.config)
            or recover_state.recall(session)
        )
        if outcome is None:
            found = _found(session)
            sources.update(found.sources)
            databases = Databases(session)
            facts = executor.follow(_facts(session, found, databases))
            backup = sync.backup if session.config.mirrors else volumes.backup
            outcome = executor.follow(backup(session.config, facts, session.limit))
            outcome = databases.checked(outcome)
    except RunEnded as ended:
        outcome = ended.outcome
    except Exception as error:  # noqa: BLE001 -- a bug of ours is a failed backup, and is reported
        line = session.config.mask(f"internal error: {error!r}")
        outcome = Outcome(Status.FAILURE, line, Failure.INTERNAL)
    return Attempt(executor.follow(volumes.after(session.config, outcome)), sources)


def _found(session: Session) -> Found:
    found = finding.find(session.config)
    for warning in found.warnings:
        session.log.line("warning", warning)
    session.log.line("info", "sources", sources=list(found.sources))
    for path, real in found.real.items():
        session.log.line("info", "source is a link", source=path, leads_to=real)
    return found


def _facts(
    session: Session, found: Found, databases: Databases
) -> Generator[Effect, Result, Facts]:
    state = session.state
    full = set(state.sources.full or ())
    empty = [path for path, looks in found.sources.items() if looks == Source.EMPTY]
    if empty and state.sources.full is None and not session.config.mirrors:
        # This pod is new: the repository knows more than its state.
        full = yield from snapshots.once_full(session.config, empty)
    copies = databases.copies(found.readable)
    effects.look(session, found.readable, copies)
    return Facts(
        sources=found.sources,
        once_full=frozenset(full),
        had_success=bool(state.runs.last_success),
        now=datetime.now(UTC),
        usual=state.sources.usual,
        left_out=None if state.sources.left_out is None else tuple(state.sources.left_out),
        copies=copies,
        accepted=state.sources.accepted,
        refused=found.refused,
        inside=found.inside,
        real=found.real,
        unread_locks=state.repository.unread_locks,
    )
