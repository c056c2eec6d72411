"""One attempt at a backup: the steps before it, the backup, and the steps that always follow."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contract.annotations import quantity, settings, values
from contract.snapshots import COPIES
from contract.text import counted
from runner.backup import effects, recover_state, volumes
from runner.backup import folders as finding
from runner.backup.folders import Found
from runner.mirror import sync
from runner.process.environment import rclone_conf
from runner.restic import snapshots
from runner.session.executor import Executor
from runner.session.session import Session
from runner.steps.evaluate import Copies, Facts, Source
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
            facts = executor.follow(_facts(session, found))
            backup = sync.backup if session.config.mirrors else volumes.backup
            outcome = executor.follow(backup(session.config, facts, session.limit))
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


def _facts(session: Session, found: Found) -> Generator[Effect, Result, Facts]:
    state = session.state
    full = set(state.sources.full or ())
    empty = [path for path, looks in found.sources.items() if looks == Source.EMPTY]
    if empty and state.sources.full is None and not session.config.mirrors:
        # This pod is new: the repository knows more than its state.
        full = yield from snapshots.once_full(session.config, empty)
    copies = _copies(session, found.readable)
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


def _copies(session: Session, sources: list[str]) -> Copies:
    """Return consistent copies of the databases that backup.sqlite names."""
    globs = session.config.settings.get(settings.SQLITE)
    if not globs or session.config.mirrors:
        return Copies()
    from runner.databases.sqlite import copies as sqlite_copies  # noqa: PLC0415 -- imported only when needed: it costs memory

    scratch = Path(session.config.paths.state, COPIES)
    bound = int(quantity.parse(values.SCRATCH_BOUND) / 2)  # the cache has the other half
    anchored = {path: finding.root(session.config, path) for path in sources}
    made = sqlite_copies.copy_all(anchored, globs, scratch, bound, lambda: session.stop.asked)
    for doubt in made.doubts:
        session.log.line("warning", doubt)
    count = len(made.excludes) // len(sqlite_copies.LEFT_OUT)
    session.log.line("info", f"{counted(count, 'SQLite database')} copied", globs=globs)
    return made
