"""One attempt at a backup: what comes before, the backup itself, what comes after always."""

from collections.abc import Generator
from datetime import UTC, datetime

from contract import quantity, settings, values
from contract.wording import counted
from runner import history, inputs, mirror, ownership, rawdata, recall, remotes, run
from runner.conversation import Effect, Ended, Result
from runner.judge import Copies, Facts, Source
from runner.outcome import Failure, Outcome, Status
from runner.restic import Door
from runner.session import Session

Sources = dict[str, Source]


def attempt(session: Session) -> tuple[Outcome, Sources]:
    """Return what became of it, and what the folders to back up looked like."""
    door = Door(session.config, session.log, session.stop)
    sources: Sources = {}
    try:
        outcome = (
            door.follow(run.before(session.config))
            or remotes.prepare(session.config)
            or recall.recall(session)
        )
        if outcome is None:
            sources.update(_sources(session))
            facts = door.follow(_facts(session, sources))
            backup = mirror.backup if session.config.mirrors else run.backup
            outcome = door.follow(backup(session.config, facts, session.limit))
    except Ended as ended:
        outcome = ended.outcome
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
    full = set(state.full or ())
    empty = [path for path, found in sources.items() if found == Source.EMPTY]
    if empty and state.full is None and not session.config.mirrors:
        # This pod is new, and so is what it knows: the repository knows more.
        full = yield from history.once_full(session.config, empty)
    return Facts(
        sources=sources,
        once_full=frozenset(full),
        had_success=bool(state.last_success),
        now=datetime.now(UTC),
        usual=state.usual,
        copies=_copies(session, sources),
        accepted=state.accepted,
        unread_locks=state.unread_locks,
        raw=rawdata.found(session.config, sources),
    )


def _copies(session: Session, sources: Sources) -> Copies:
    """Return consistent copies of the databases that backup.sqlite names."""
    globs = session.config.settings.get(settings.SQLITE)
    if not globs or session.config.mirrors:
        return Copies()
    from runner import sqlite  # noqa: PLC0415 -- only where it is wanted: it costs memory

    scratch = ownership.scratch(session.config.state_dir) / "sqlite"
    bound = int(quantity.parse(values.SCRATCH_BOUND) / 2)  # the cache has the other half
    made = sqlite.copy_all(sources, globs, scratch, bound, lambda: session.stop.asked)
    count = len(made.excludes) // len(sqlite.LEFT_OUT)
    session.log.line("info", f"{counted(count, 'SQLite database')} copied", globs=globs)
    return made
