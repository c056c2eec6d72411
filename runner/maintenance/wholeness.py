"""Tracks damage of the repository until a check proves that it is repaired.

After its index is lost, restic writes a new one for what is new, and the next backup succeeds,
while older snapshots no longer restore. So a run that follows does not end well before `restic
check` has found nothing, and, where a drill met damaged data, before a drill has succeeded.
"""

import time
from dataclasses import replace

from runner.maintenance import operations
from runner.maintenance.verify import drill
from runner.restic import commands
from runner.schedule import due
from runner.session.executor import Executor
from runner.session.session import Session
from runner.state.model import Damage
from runner.steps import damage
from runner.steps.outcome import Failure, Outcome, Status
from runner.steps.task import TaskResult

_SAID = "the repository is damaged"
_MOST = 1800  # seconds that the proof may take, of a run that nobody waits for


def note(session: Session, status: Status, failure: Failure | None, message: str, by: str) -> None:
    """Remember damage that a command met; a torn lock is none once it is removed."""
    if status != Status.FAILURE or failure != Failure.REPOSITORY or damage.UNLOCK in message:
        return
    known = session.state.repository.damage
    deep = by == "verify" or bool(known and known.deep)
    since = known.since if known else time.time()
    session.state.repository.damage = Damage(since, message, deep)


def proved(session: Session, by: str) -> None:
    """Clear the damage if a manual command has proved that it is repaired."""
    known = session.state.repository.damage
    if known and by == ("verify" if known.deep else "check"):
        session.state.repository.damage = None
        session.log.line("info", "the repository is intact again")


def judged(session: Session, outcome: Outcome) -> Outcome:
    """Return what a backup is worth in a repository that may be damaged."""
    note(session, outcome.status, outcome.failure, outcome.message, "backup")
    known = session.state.repository.damage
    if known is None or not outcome.protected or session.limit:
        return outcome
    session.log.line("info", f"{_SAID}; checking whether it still is")
    limit = min(_MOST, max(1, due.time_for_tasks(time.time(), session.config)))
    found = _prove(session, limit, deep=known.deep)
    if found.status == Status.SUCCESS:
        session.state.repository.damage = None
        session.log.line("info", "the repository is intact again")
        return outcome
    if found.status == Status.INTERRUPTED and session.stop.asked:
        return outcome
    why = known.message if known.message.startswith(_SAID) else f"{_SAID}: {known.message}"
    line = f"a snapshot was made ({outcome.message}), but {why}"
    if found.failure not in {Failure.REPOSITORY, None}:
        line += f"; it cannot be checked: {found.message}"
    return replace(outcome, status=Status.FAILURE, failure=Failure.REPOSITORY, message=line)


def _prove(session: Session, limit: float, *, deep: bool) -> TaskResult:
    follow = Executor(session.config, session.log, session.stop).follow
    found = follow(operations.alone(commands.check(session.config, limit, lock=False)))
    if found.status != Status.SUCCESS or not deep:
        return found
    return drill.verify(session, limit)
