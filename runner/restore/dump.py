"""Loads a dump on request, after checking that it is complete."""

import base64
from dataclasses import dataclass

from contract.annotations import values
from contract.snapshots import NAMESPACE, Snapshot
from runner.config.redaction.mask import heard
from runner.databases import clients, dump_snapshots
from runner.databases.load import sql
from runner.restic import queries, selection
from runner.restic.selection import Wanted
from runner.restore import folder
from runner.session.executor import Executor
from runner.session.session import Session
from runner.steps import task
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from runner.steps.step import RunEnded
from runner.steps.task import TaskResult


@dataclass(frozen=True, slots=True)
class Asked:
    """Which dump is to be loaded, as it was typed.

    ``name`` may be "" where the pod has one dump; ``origin`` is another workload, NAMESPACE/HOST.
    ``replace``: also where the server holds something. ``trial``: show what would be loaded and
    change nothing.
    """

    name: str = ""
    at: str = ""
    snapshot: str = ""
    origin: str = ""
    replace: bool = False
    trial: bool = False


def load(session: Session, asked: Asked) -> TaskResult:
    """Load the requested dump; return the result."""
    config = session.config
    why = config.obstacle
    if config.mirrors:
        why = "a mirror has no dumps"
    if why:
        return TaskResult(Status.FAILURE, why, Failure.CONFIG)
    executor = Executor(config, session.log, session.stop)
    try:
        name = asked.name or _name(session)
        chosen = _chosen(session, executor, name, asked)
    except RunEnded as ended:
        return TaskResult(ended.outcome.status, ended.outcome.message, ended.outcome.failure)
    except (LookupError, ValueError) as error:
        return TaskResult(Status.FAILURE, str(error), Failure.CONFIG)
    if line := sql.by_hand(name, chosen):
        return TaskResult(Status.FAILURE, f"dump {sql.described(chosen)}: {line}", Failure.CONFIG)
    return _load(session, executor, name, chosen, asked)


def _name(session: Session) -> str:
    if len(session.config.commands.dumps) == 1:
        return session.config.commands.dumps[0].name
    if not session.config.commands.dumps:
        line = "this pod has no backup.dump: name the dump to load, postgres or mysql"
        raise LookupError(line)
    named = " or ".join(dump.name for dump in session.config.commands.dumps)
    raise LookupError(f"this pod has several dumps: name the one to load, {named}")


def _chosen(session: Session, executor: Executor, name: str, asked: Asked) -> Snapshot:
    when = selection.read(asked.at)
    if when.snapshot:
        raise ValueError(f"--at {asked.at} is not a time; for an id, use --snapshot")
    want = Wanted(session.config.identity.host, session.config.identity.tags)
    if asked.origin:
        namespace, _, host = values.origin(asked.origin).partition("/")
        want = Wanted(host, (f"{NAMESPACE}{namespace}",))
    found, own = executor.follow(folder.known(want, by_hand=True)), selection.owner(want.tags)
    ours = [each for each in found if own and selection.owner(each.tags) == own]
    if ours and not asked.snapshot:
        found = ours
    return sql.choose(found, name, when.at, asked.snapshot)


def _load(
    session: Session, executor: Executor, name: str, chosen: Snapshot, asked: Asked
) -> TaskResult:
    what = f"the dump of {name}, {sql.described(chosen)}"
    done = executor.execute(queries.look_into(name, replace=asked.replace))
    if done.code or done.stopped:
        return _failed(name, done)
    session.log.line(
        "info",
        f"checking that {what}, is complete",
    )
    done = executor.execute(queries.ends_to_load(chosen.id, name))
    if done.code or done.stopped:
        return _failed(name, done)
    if bad := _unfit(session, name, chosen, base64.b64decode(done.text)):
        return bad
    if asked.trial:
        return TaskResult(Status.SUCCESS, f"{what}, would be loaded")
    line = "its SQL runs on the server with all privileges of the Secret's database user"
    session.log.line("info", f"loading {what}: {line}")
    done = executor.execute(queries.load(chosen.id, name, replace=asked.replace))
    for line in done.tail:
        if heard(line).endswith(sql.RENAMED):
            session.log.line("warning", line)
    if done.code or done.stopped:
        return _failed(name, done)
    return TaskResult(Status.SUCCESS, f"{what}, is loaded")


def _unfit(session: Session, name: str, chosen: Snapshot, ends: bytes) -> TaskResult | None:
    """Return why a dump must not be loaded, judged by its first and last bytes."""
    why, failure = "is truncated", Failure.SOURCE
    if clients.is_whole(name, ends):
        of_all = clients.is_of_all(name, ends[: queries.TAIL])
        why = sql.misfit(name, session.config.commands.databases, of_all=of_all)
        failure = Failure.CONFIG
    line = f"the dump of {name}, {sql.described(chosen)}, {why}: nothing is loaded"
    return TaskResult(Status.FAILURE, line, failure) if why else None


def _failed(name: str, done: Completed) -> TaskResult:
    if done.stopped:
        return task.failed(f"loading the dump of {name}", done)
    trouble = dump_snapshots.trouble(name, done)
    return TaskResult(Status.FAILURE, trouble.message, trouble.failure)
