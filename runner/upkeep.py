"""What a repository needs beside backups: retention, prune, check; none marks a backup failed."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runner import clock, conversation, maintainer, opening, repository, steps
from runner.config import Config
from runner.conversation import Effect, Ended, Result
from runner.outcome import Chored, Failure, Status
from runner.output import Completed, array
from runner.steps import Step


@dataclass(frozen=True, slots=True)
class Snapshot:
    """When a snapshot was made, and how many files and bytes it holds; None if unknown."""

    made: datetime
    held: tuple[int, int] | None


Chore = Generator[Effect, Result, Chored]
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def forget(config: Config, limit: float = 0, target: str = "") -> Chore:
    """Apply retention to this workload's snapshots, and to no others."""
    step = steps.forget(config, limit, target)
    if step is None:
        return Chored(Status.SKIPPED, "every keep-* is 0: all snapshots are kept")
    done: Completed = yield step
    if unfinished := _unfinished("retention", done):
        return unfinished
    groups = array(done.text)
    removed = sum(len(group.get("remove") or []) for group in groups)
    kept = sum(len(group.get("keep") or []) for group in groups)
    volumes = [group for group in groups if not _is_dump(group)]
    known = None if target else sum(len(group.get("keep") or []) for group in volumes)
    return Chored(Status.SUCCESS, f"{removed} removed, {kept} kept", None, removed, known)


def retention(config: Config, now: datetime, limit: float, target: str = "") -> Chore:
    """Apply retention, unless the times of snapshots cannot be trusted."""
    listed: Completed = yield steps.snapshots(config, target)
    if unfinished := _unfinished("retention", listed):
        return unfinished
    found = array(listed.text)
    if why := clock.doubt(filter(None, map(maintainer.moment, found)), now):
        return Chored(Status.SKIPPED, why, None, 0, None if target else len(found))
    return (yield from forget(config, limit, target))


def copy(config: Config, limit: float, *, had_success: bool) -> Chore:
    """Copy new snapshots to the second repository; create it where there is none."""
    looked: Completed = yield opening.look("second")
    if looked.no_repository:
        try:
            yield from repository.initialise(config, had_success=had_success, target="second")
        except Ended as ended:
            end = ended.outcome
            return Chored(end.status, f"the second repository: {end.message}", end.failure)
    elif unfinished := _unfinished("opening the second repository", looked):
        return unfinished
    done: Completed = yield steps.copy(config, limit)
    return _unfinished("copy", done) or Chored(Status.SUCCESS, "done")


def prune(config: Config, now: datetime, limit: float, target: str = "") -> Chore:
    """Free the space of forgotten snapshots, if it is this workload's turn."""
    return (yield from _if_elected(config, now, steps.prune(config, limit, target)))


def check(config: Config, now: datetime, limit: float) -> Chore:
    """Check the repository, if it is this workload's turn."""
    return (yield from _if_elected(config, now, steps.check(config, limit)))


def alone(step: Step) -> Chore:
    """Prune or check because somebody asks for it, whoever's turn it is."""
    done: Completed = yield step
    return _unfinished(step.name, done) or Chored(Status.SUCCESS, "done")


def _if_elected(config: Config, now: datetime, step: Step) -> Chore:
    listed: Completed = yield steps.everyones_snapshots(step.target)
    if unfinished := _unfinished(step.name, listed):
        return unfinished
    chosen = maintainer.elected(config, array(listed.text), now)
    if chosen:
        return Chored(Status.SKIPPED, f"{chosen} does it for all who share the repository")
    return (yield from alone(step))


def _unfinished(what: str, done: Completed) -> Chored | None:
    """Return what became of a chore whose command came to no good end."""
    if done.must_not_delete and done.code != 11 and done.stopped not in {"signal", "time"}:
        line = "the repository is append-only: retention and prune are left to its owner"
        return Chored(Status.SKIPPED, line, Failure.AUTH)
    return failed(what, done) if done.code or done.stopped else None


def failed(what: str, done: Completed) -> Chored:
    """Return what became of a chore whose command failed or was stopped."""
    if done.stopped == "signal":
        return Chored(Status.INTERRUPTED, "stopped before it was done")
    if done.stopped == "time":
        line = "stopped before it was done: a backup goes first; a later time may suit it better"
        return Chored(Status.INTERRUPTED, line)
    if done.code == 11 and not done.stopped:
        return Chored(Status.SKIPPED, "the repository is locked", Failure.LOCKED)
    return Chored(Status.FAILURE, f"{what} failed: {done.said}", done.failure)


def last_snapshot(config: Config) -> Generator[Effect, Result, tuple[Snapshot | None, bool]]:
    """Return what is known of the last backup with all its dumps, and whether that is certain.

    None if there was none. Raises Ended where the repository cannot be reached.
    """
    done: Completed = yield steps.snapshots(config)
    if done.stopped:
        raise conversation.failed(done, "the repository cannot be opened")
    found = array(done.text)
    volumes = _latest(each for each in found if not _is_dump(each))
    tags = [steps.DUMP_TAG + dump.name for dump in config.dumps]
    dumps = [_latest(each for each in found if tag in (each.get("tags") or ())) for tag in tags]
    made = [maintainer.moment(each) for each in (volumes, *dumps)]
    known = [moment for moment in made if moment is not None]
    last = Snapshot(min(known), _held(volumes)) if len(known) == len(made) else None
    return last, done.no_repository or not done.code


def _latest(snapshots: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the newest of these, empty if there is none."""
    return max(snapshots, key=lambda each: maintainer.moment(each) or _LONG_AGO, default={})


def _held(snapshot: dict[str, Any]) -> tuple[int, int] | None:
    """Return how many files and bytes there were; None where an older restic does not say."""
    try:
        summary = snapshot["summary"]
        return int(summary["total_files_processed"]), int(summary["total_bytes_processed"])
    except (KeyError, TypeError, ValueError):
        return None


def once_full(config: Config, paths: list[str]) -> Generator[Effect, Result, set[str]]:
    """Return those of the folders that held something in this workload's latest snapshot."""
    listed: Completed = yield steps.snapshots(config)
    latest = of_volumes(listed)
    found = set()
    for path in paths if latest else ():
        done: Completed = yield steps.listing(latest, path)
        nodes = [m for m in done.messages if m.get("message_type") == "node"]
        inside = path.rstrip("/") + "/"
        if any(str(node.get("path")).startswith(inside) for node in nodes):
            found.add(path)
    return found


def of_volumes(listed: Completed) -> str:
    """Return the id of the latest of this workload's snapshots that is no dump; "" if none is."""
    latest = _latest(each for each in array(listed.text) if not _is_dump(each))
    return str(latest.get("id", ""))


def _is_dump(found: dict[str, Any]) -> bool:
    """Whether a snapshot, or a group of them, is of a dump and not of the volumes."""
    return any(str(tag).startswith(steps.DUMP_TAG) for tag in found.get("tags") or ())
