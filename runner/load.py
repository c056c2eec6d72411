"""Loads a dump because somebody asks for it: read to its end first, then into the server."""

import base64
from dataclasses import dataclass

from contract import values
from runner import databases, dumps, loading, putback, retrieval, upkeep, wanted
from runner.conversation import Ended
from runner.loading import Chosen
from runner.masking import heard
from runner.outcome import Chored, Failure, Status
from runner.output import Completed
from runner.restic import Door
from runner.session import Session
from runner.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Asked:
    """Which dump is to be loaded, as it was typed.

    ``name`` may be "" where the pod has one dump; ``origin`` is another workload, NAMESPACE/HOST.
    ``replace``: also where the server holds something. ``trial``: only say what would be loaded.
    """

    name: str = ""
    at: str = ""
    snapshot: str = ""
    origin: str = ""
    replace: bool = False
    trial: bool = False


def load(session: Session, asked: Asked) -> Chored:
    """Load the dump that is wanted; return what came of it."""
    config = session.config
    why = config.obstacle
    if config.mirrors:
        why = "a mirror keeps no dumps"
    if why:
        return Chored(Status.FAILURE, why, Failure.CONFIG)
    door = Door(config, session.log, session.stop)
    try:
        name = asked.name or _name(session)
        chosen = _chosen(session, door, name, asked)
    except Ended as ended:
        return Chored(ended.outcome.status, ended.outcome.message, ended.outcome.failure)
    except (LookupError, ValueError) as error:
        return Chored(Status.FAILURE, str(error), Failure.CONFIG)
    if line := loading.by_hand(name, chosen):
        return Chored(Status.FAILURE, f"dump {chosen}: {line}", Failure.CONFIG)
    return _load(session, door, name, chosen, asked)


def _name(session: Session) -> str:
    if len(session.config.dumps) == 1:
        return session.config.dumps[0].name
    if not session.config.dumps:
        line = "this pod makes no dump (backup.dump): name the one to load, postgres or mysql"
        raise LookupError(line)
    named = " or ".join(dump.name for dump in session.config.dumps)
    raise LookupError(f"this pod makes several dumps: name the one to load, {named}")


def _chosen(session: Session, door: Door, name: str, asked: Asked) -> Chosen:
    moment, snapshot = wanted.read(asked.at)
    if snapshot:
        raise ValueError(f"--at {asked.at}: write a time; --snapshot takes an id")
    want = Wanted(session.config.host, session.config.tags)
    if asked.origin:
        namespace, _, host = values.origin(asked.origin).partition("/")
        want = Wanted(host, (f"ns={namespace}",))
    found, own = door.follow(putback.known(want, by_hand=True)), wanted.owner(want.tags)
    ours = [each for each in found if own and wanted.owner(each.get("tags") or ()) == own]
    if ours and not asked.snapshot:
        found = ours
    return loading.choose(found, name, moment, asked.snapshot)


def _load(session: Session, door: Door, name: str, chosen: Chosen, asked: Asked) -> Chored:
    done = door.execute(retrieval.look_into(name, replace=asked.replace))
    if done.code or done.stopped:
        return _failed(name, done)
    session.log.line("info", f"reading the dump of {name}, {chosen}, to its end, before it is used")
    done = door.execute(retrieval.ends_to_load(chosen.id, name))
    if done.code or done.stopped:
        return _failed(name, done)
    if bad := _unfit(session, name, chosen, base64.b64decode(done.text)):
        return bad
    if asked.trial:
        return Chored(Status.SUCCESS, f"the dump of {name}, {chosen}, would be loaded")
    line = "its SQL runs with all rights of the user that the Secret names, on the server"
    session.log.line("info", f"loading the dump of {name}, {chosen}: {line}")
    done = door.execute(retrieval.load(chosen.id, name, replace=asked.replace))
    for line in done.tail:
        if heard(line).endswith(loading.RENAMED):
            session.log.line("warning", line)
    if done.code or done.stopped:
        return _failed(name, done)
    return Chored(Status.SUCCESS, f"the dump of {name}, {chosen}, is loaded")


def _unfit(session: Session, name: str, chosen: Chosen, ends: bytes) -> Chored | None:
    """Return why a dump is not to be loaded, by its first and its last bytes."""
    why, failure = "has no end", Failure.SOURCE
    if databases.is_whole(name, ends):
        of_all = databases.is_of_all(name, ends[: databases.TAIL])
        why = loading.misfit(name, session.config.databases, of_all=of_all)
        failure = Failure.CONFIG
    line = f"the dump of {name}, {chosen}, {why}: nothing is loaded"
    return Chored(Status.FAILURE, line, failure) if why else None


def _failed(name: str, done: Completed) -> Chored:
    if done.stopped:
        return upkeep.failed(f"loading the dump of {name}", done)
    trouble = dumps.trouble(name, done)
    return Chored(Status.FAILURE, trouble.message, trouble.failure)
