"""A restore drill: a part of the latest snapshot is restored into scratch and looked at."""

import base64
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import SystemRandom

from runner import (
    databases,
    drill,
    history,
    ownership,
    restored,
    retrieval,
    scratch,
    upkeep,
    workplace,
)
from runner.config import Config
from runner.drill import Chosen, Sample
from runner.outcome import Chored, Failure, Status
from runner.output import Completed
from runner.restic import Door
from runner.session import Session
from runner.steps import LARGEST


def verify(session: Session, limit: float) -> Chored:
    """Hold a drill in ``limit`` seconds, 0 for any time; scratch is empty before and after."""
    if session.config.backup_command:
        line = "RESTIC_BACKUP_COMMAND: what it backed up is not known here, and not tried"
        return Chored(Status.SKIPPED, line)
    folder = ownership.scratch(session.config.state_dir)
    scratch.fresh(folder)
    try:
        return _drill(session, folder, limit)
    except OSError as error:
        line = f"{error.filename or 'scratch'}: {error.strerror}; nothing was tried"
        return Chored(Status.FAILURE, line, Failure.INTERNAL)
    except Exception as error:  # noqa: BLE001 -- a bug of ours is a failed drill, and no more
        line = session.config.mask(f"internal error: {error!r}")
        return Chored(Status.FAILURE, line, Failure.INTERNAL)
    finally:
        scratch.fresh(folder)


def _drill(session: Session, folder: Path, limit: float) -> Chored:
    config = session.config
    door = Door(config, session.log, session.stop)
    ends = time.monotonic() + limit
    known = door.execute(retrieval.snapshots(config))
    if known.code or known.stopped:
        return upkeep.failed("listing snapshots", known)
    done = _volumes(session, door, known, folder, limit)
    if done.status not in {Status.SUCCESS, Status.SKIPPED} or not config.dumps:
        return done
    last = session.state.last
    if last and last.failure == Failure.DUMP:
        line = f"the last backup lacks something of a database: {last.message}"
        return Chored(Status.FAILURE, line, Failure.DUMP)
    for dump in config.dumps:
        left = max(1, ends - time.monotonic()) if limit else 0
        if wrong := _dump(door, config, known, dump.name, left):
            return wrong
    whole = ", ".join(dump.name for dump in config.dumps)
    return replace(done, message=f"{done.message}; whole dumps: {whole}")


def _dump(door: Door, config: Config, known: Completed, name: str, limit: float) -> Chored | None:
    """Read the latest dump from its first byte to its last; None if it is whole."""
    latest, whole = history.of_dump(known, name)
    if not latest:
        line = f"no dump of {name} found: there is nothing that could be restored"
        return Chored(Status.FAILURE, line, Failure.SOURCE)
    if not whole:
        line = f"the latest dump of {name}, {latest[:8]}, is incomplete: see the log of its run"
        return Chored(Status.FAILURE, line, Failure.DUMP)
    done = door.execute(retrieval.end_of_dump(config, latest, name, limit))
    if done.code or done.stopped:
        return upkeep.failed(f"reading the dump of {name}", done)
    if databases.is_whole(name, base64.b64decode(done.text)):
        return None
    line = f"the latest dump of {name}, {latest[:8]}, has no end: it is not whole"
    return Chored(Status.FAILURE, line, Failure.SOURCE)


def _volumes(session: Session, door: Door, known: Completed, folder: Path, limit: float) -> Chored:
    """Restore and compare a part of what the volumes' latest snapshot holds."""
    config, stop = session.config, session.stop
    began = time.monotonic()
    sample = _sample(door, config, known, limit)
    if isinstance(sample, Chored):
        return sample
    room = scratch.room(folder, LARGEST // 4)
    chosen = sample.chosen(room)
    if not chosen.files:
        return _nothing(config, chosen)
    names = folder / "names"
    names.write_text(drill.patterns(chosen.files), "utf-8")
    target = folder / "drill"
    left = max(1, limit - (time.monotonic() - began)) if limit else 0
    done = door.execute(
        retrieval.restore(config, sample.snapshot, str(target), str(names), left, room)
    )
    if done.stopped or done.code == 11:
        return upkeep.failed("restoring", done)
    scratch.open_up(target)
    copies = str(folder / "sqlite")
    live = partial(workplace.live_file, config.volumes_dir)
    tried = list(restored.look(chosen.files, target, copies, lambda: stop.asked, live))
    if stop.asked:
        return Chored(Status.INTERRUPTED, "stopped before it was done")
    return drill.judged(sample, chosen, done, tried)


def _nothing(config: Config, chosen: Chosen) -> Chored:
    """Return what a drill comes to that found no file of the volumes to restore."""
    if chosen.untried:
        return Chored(Status.SKIPPED, drill.untried(chosen))
    if config.dumps:
        # They stand for the files of their servers, and are tried next.
        return Chored(Status.SUCCESS, "the volumes hold no file that no dump stands for")
    line = "the latest snapshot holds no file: there is nothing that could be restored"
    return Chored(Status.FAILURE, line, Failure.SOURCE)


def _sample(door: Door, config: Config, known: Completed, limit: float) -> Sample | Chored:
    """Return what to choose from of the latest snapshot; how it ended where none can be read."""
    latest = history.of_volumes(known)
    if not latest:
        line = "no snapshot found: there is nothing that could be restored"
        return Chored(Status.FAILURE, line, Failure.SOURCE)
    sample = Sample(SystemRandom())
    listed = door.execute(retrieval.contents(config, latest, sample.hear, limit))
    if listed.code or listed.stopped:
        return upkeep.failed("reading the latest snapshot", listed)
    return sample
