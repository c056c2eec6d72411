"""Restores one folder of a snapshot, as a conversation with the executor. Pure."""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contract.snapshots import Snapshot
from runner.config.redaction.mask import heard
from runner.restic import queries, snapshots
from runner.restic.selection import Wanted
from runner.steps.outcome import Failure, Status
from runner.steps.questions import Names
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, RunEnded, Step, failed

_ENDED = re.compile(r"Fatal: There were \d+ errors?")
_FOUND = re.compile(r"Found matching entries in snapshot ([0-9a-f]{8})")
_NOT_THERE = re.compile(r"path .*: not found", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Put:
    """What restic reports as restored. ``errors``: of paths in the snapshot."""

    files: int = 0
    bytes: int = 0
    errors: Mapping[str, str] = field(default_factory=dict)


def known(wanted: Wanted, *, by_hand: bool = False) -> Generator[Effect, Result, list[Snapshot]]:
    """List the requested snapshots; none if there is no repository.

    ``by_hand``: who asks for files knows of one, and is told that it is not there.
    """
    done: Completed = yield queries.snapshots_of(wanted.host, wanted.tags)
    if done.no_repository and not by_hand:
        return []
    if done.code or done.stopped:
        raise failed(done, "the repository cannot be read")
    found = snapshots.history_of(wanted.host, wanted.tags, done)
    if found.doubted and not found.snapshots:
        raise RunEnded(Status.FAILURE, str(found), Failure.CONFIG)
    return found.snapshots


def folder(kept: Snapshot, path: str, target: str) -> Generator[Effect, Result, Put | None]:
    """Restore a folder below ``target``, under its own name; None if it holds nothing.

    Raises RunEnded if restic could not go on.
    """
    above, _, name = path.rpartition("/")
    put = Put()
    if kept.copies:
        # First: below them, folders are our own, and what comes next gives them back their modes.
        inside = kept.copies + above
        copied = yield from _restore(queries.put_back(kept.id, inside, name, target), inside)
        put = copied or put
    chosen = "" if kept.is_alone(path) else name
    step = queries.put_back(kept.id, above or "/", chosen, target)
    main = yield from _restore(step, above)
    inside = yield Names(f"{target}/{name}")
    if not inside:
        return None
    if main is None:
        return put
    return Put(put.files + main.files, put.bytes + main.bytes, {**put.errors, **main.errors})


def holding(snapshots: list[Snapshot], path: str) -> Generator[Effect, Result, list[Snapshot]]:
    """Return those that hold anything in a folder, found by opening the repository once."""
    found: set[str] = set()

    def hear(message: dict[str, Any]) -> None:
        if match := _FOUND.match(str(message.get("text", ""))):
            found.add(match[1])

    if snapshots:
        copies = {each.copies for each in snapshots if each.copies}
        folders = (path, *(f"{folder}{path}" for folder in sorted(copies)))
        step = queries.find(tuple(each.id for each in snapshots), folders, hear)
        done: Completed = yield step
        if done.code or done.stopped:
            raise failed(done, "the snapshots cannot be read")
    return [each for each in snapshots if each.id[:8] in found]


def _restore(step: Step, inside: str) -> Generator[Effect, Result, Put | None]:
    done: Completed = yield step
    return came_back(done, inside)


def came_back(done: Completed, inside: str) -> Put | None:
    """Return what a finished restore of the folder ``inside`` brought; None if it is not there.

    Raises RunEnded if it was not gone through to its end. What went wrong with single files is
    in ``errors``: whether it was their content or only their owner is seen by looking at them.
    """
    summary = done.message("summary")
    if done.stopped or (done.code and not done.unreadable):
        if not done.stopped and done.tail and _NOT_THERE.fullmatch(heard(done.tail[-1])):
            return None
        raise failed(done, "restoring failed")
    if done.code and not (summary and done.tail and _ENDED.fullmatch(heard(done.tail[-1]))):
        raise failed(done, "restoring failed")
    errors = zip(done.unreadable, done.reasons, strict=True)
    return Put(
        int(summary.get("files_restored", 0)) + int(summary.get("files_skipped", 0)),
        int(summary.get("bytes_restored", 0)) + int(summary.get("bytes_skipped", 0)),
        {f"{inside.rstrip('/')}{path.rstrip('/')}": why for path, why in errors},
    )
