"""A restore drill: restores a sample of the latest snapshot into scratch and checks it."""

import base64
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import SystemRandom

from contract.snapshots import Snapshot
from runner.config.model import Config
from runner.databases import clients
from runner.maintenance.verify import compare
from runner.maintenance.verify import sample as verify_sample
from runner.maintenance.verify.sample import Chosen, Sample
from runner.process.folders import ownership, scratch
from runner.restic import queries, snapshots
from runner.session.executor import Executor
from runner.session.session import Session
from runner.steps import task
from runner.steps.outcome import Failure, Status
from runner.steps.step import LARGEST
from runner.steps.task import TaskResult
from runner.volume import workplace


def verify(session: Session, limit: float) -> TaskResult:
    """Run a drill in ``limit`` seconds, 0 for no limit; scratch is empty before and after."""
    if session.config.commands.backup:
        line = "RESTIC_BACKUP_COMMAND: what the command backed up is unknown and is not tested"
        return TaskResult(Status.SKIPPED, line)
    folder = ownership.scratch(session.config.paths.state)
    scratch.fresh(folder)
    try:
        return _drill(session, folder, limit)
    except OSError as error:
        line = f"{error.filename or 'scratch'}: {error.strerror}; nothing was tested"
        return TaskResult(Status.FAILURE, line, Failure.INTERNAL)
    except Exception as error:  # noqa: BLE001 -- a bug of ours is a failed drill, and no more
        line = session.config.mask(f"internal error: {error!r}")
        return TaskResult(Status.FAILURE, line, Failure.INTERNAL)
    finally:
        scratch.fresh(folder)


def _drill(session: Session, folder: Path, limit: float) -> TaskResult:
    config = session.config
    executor = Executor(config, session.log, session.stop)
    ends = time.monotonic() + limit
    listed = executor.execute(queries.history(config))
    if listed.code or listed.stopped:
        return task.failed("listing snapshots", listed)
    known = snapshots.history(config, listed)
    done = _volumes(session, executor, known, folder, limit)
    if done.status not in {Status.SUCCESS, Status.SKIPPED} or not config.commands.dumps:
        return done
    last = session.state.runs.last
    if last and last.failure == Failure.DUMP:
        line = f"the last backup's dump is incomplete: {last.message}"
        return TaskResult(Status.FAILURE, line, Failure.DUMP)
    for dump in config.commands.dumps:
        left = max(1, ends - time.monotonic()) if limit else 0
        if wrong := _dump(executor, config, known, dump.name, left):
            return wrong
    whole = ", ".join(dump.name for dump in config.commands.dumps)
    return replace(done, message=f"{done.message}; complete dumps: {whole}")


def _dump(
    executor: Executor, config: Config, known: list[Snapshot], name: str, limit: float
) -> TaskResult | None:
    """Read the latest dump from its first byte to its last; None if it is complete."""
    latest = snapshots.of_dump(known, name)
    if latest is None:
        line = f"no dump of {name} found: nothing could be restored"
        return TaskResult(Status.FAILURE, line, Failure.SOURCE)
    if latest.is_doubtful:
        line = f"the latest dump of {name}, {latest.id[:8]}, is incomplete: see the log of its run"
        return TaskResult(Status.FAILURE, line, Failure.DUMP)
    done = executor.execute(queries.end_of_dump(config, latest.id, name, limit))
    if done.code or done.stopped:
        return task.failed(f"reading the dump of {name}", done)
    if clients.is_whole(name, base64.b64decode(done.text)):
        return None
    line = f"the latest dump of {name}, {latest.id[:8]}, is truncated"
    return TaskResult(Status.FAILURE, line, Failure.SOURCE)


def _volumes(
    session: Session, executor: Executor, known: list[Snapshot], folder: Path, limit: float
) -> TaskResult:
    """Restore and compare a sample of the volumes' latest snapshot."""
    config, stop = session.config, session.stop
    began = time.monotonic()
    sample = _sample(executor, config, known, limit)
    if isinstance(sample, TaskResult):
        return sample
    room = scratch.room(folder, LARGEST // 4)
    chosen = sample.chosen(room)
    if not chosen.files:
        return _nothing(config, chosen)
    names = folder / "names"
    names.write_text(verify_sample.patterns(chosen.files), "utf-8")
    target = folder / "drill"
    left = max(1, limit - (time.monotonic() - began)) if limit else 0
    done = executor.execute(
        queries.restore(config, sample.snapshot, str(target), str(names), left, room)
    )
    if done.stopped or done.locked:
        return task.failed("restoring", done)
    scratch.open_up(target)
    copies = str(folder / "sqlite")
    live = partial(workplace.live_file, config.paths.volumes)
    tried = list(compare.look(chosen.files, target, copies, lambda: stop.asked, live))
    if stop.asked:
        return TaskResult(Status.INTERRUPTED, "stopped before completion")
    return verify_sample.judged(sample, chosen, done, tried)


def _nothing(config: Config, chosen: Chosen) -> TaskResult:
    """Return the result of a drill that found no file of the volumes."""
    if chosen.untried:
        return TaskResult(Status.SKIPPED, verify_sample.untried(chosen))
    if config.commands.dumps:
        # They stand for the files of their servers, and are tried next.
        return TaskResult(Status.SUCCESS, "all files of the volumes are covered by dumps")
    line = "the latest snapshot has no files: nothing could be restored"
    return TaskResult(Status.FAILURE, line, Failure.SOURCE)


def _sample(
    executor: Executor, config: Config, known: list[Snapshot], limit: float
) -> Sample | TaskResult:
    """Return what to choose from of the latest snapshot; how it ended where none can be read."""
    latest = snapshots.of_volumes(known)
    if not latest:
        line = "no snapshot found: nothing could be restored"
        return TaskResult(Status.FAILURE, line, Failure.SOURCE)
    sample = Sample(SystemRandom())
    listed = executor.execute(queries.contents(config, latest, sample.hear, limit))
    if listed.code or listed.stopped:
        return task.failed("reading the latest snapshot", listed)
    return sample
