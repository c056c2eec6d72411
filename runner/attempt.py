"""One attempt at a backup: what comes before, the backup itself, what comes after always."""

from collections.abc import Generator
from datetime import UTC, datetime

from runner import inputs, run, upkeep
from runner.conversation import Effect, Result
from runner.judge import Facts, Source
from runner.outcome import Failure, Outcome, Status
from runner.restic import Door
from runner.session import Session

Sources = dict[str, Source]


def attempt(session: Session) -> tuple[Outcome, Sources]:
    """Return what became of it, and what the folders to back up looked like."""
    door = Door(session.config, session.log, session.stop)
    sources: Sources = {}
    try:
        outcome = door.follow(run.before(session.config))
        if outcome is None:
            sources.update(_sources(session))
            facts = door.follow(_facts(session, sources))
            outcome = door.follow(run.backup(session.config, facts, session.limit))
    except Exception as error:  # noqa: BLE001 -- a bug of ours is a failed backup, and is reported
        outcome = Outcome(Status.FAILURE, f"internal error: {error!r}", Failure.INTERNAL)
    return door.follow(run.after(session.config, outcome)), sources


def _sources(session: Session) -> Sources:
    sources, warnings = inputs.sources(session.config)
    for warning in warnings:
        session.log.line("warning", warning)
    session.log.line("info", "sources", sources=list(sources))
    return sources


def _facts(session: Session, sources: Sources) -> Generator[Effect, Result, Facts]:
    state = session.state
    full = set(state.full)
    empty = [path for path, found in sources.items() if found == Source.EMPTY]
    if empty and state.last is None:
        # This pod is new, and so is what it knows: the repository knows more.
        full |= yield from upkeep.once_full(session.config, empty)
    now = datetime.now(UTC)
    return Facts(sources, frozenset(full), bool(state.last_success), now, state.usual)
