"""Brings one folder of a snapshot back, as a conversation with whoever can start restic. Pure."""

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from runner import damage, retrieval
from runner.conversation import Effect, Ended, Result, failed
from runner.lists import array
from runner.outcome import Failure, Status
from runner.output import Completed
from runner.steps import Names, Step
from runner.wanted import Kept, Wanted

# What a container without rights over owners, or with fewer than root's, is refused: no contents.
_RIGHTS = re.compile(
    r"(lchown|chmod|mknod) .*: operation not permitted"
    r"|xattr\.LSet .* (trusted|security)\.\S+: operation not permitted",
    re.DOTALL,
)
_ENDED = re.compile(r"Fatal: There were \d+ errors?")
_FOUND = re.compile(r"Found matching entries in snapshot ([0-9a-f]{8})")
_NOT_THERE = re.compile(r"path .*: not found", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Put:
    """What came back. ``refused`` names files whose owner or the like could not be set."""

    files: int = 0
    bytes: int = 0
    refused: tuple[str, ...] = ()


def known(
    wanted: Wanted, *, by_hand: bool = False
) -> Generator[Effect, Result, list[dict[str, Any]]]:
    """List the snapshots that are wanted; none where there is no repository.

    ``by_hand``: who asks for files knows of one, and is told that it is not there.
    """
    done: Completed = yield retrieval.snapshots_of(wanted.host, wanted.tags)
    if done.no_repository and not by_hand:
        return []
    if done.code or done.stopped:
        raise failed(done, "the repository cannot be read")
    return array(done.text)


def folder(kept: Kept, path: str, target: str) -> Generator[Effect, Result, Put | None]:
    """Restore a folder below ``target``, under its own name; None if it holds nothing.

    Raises Ended where anything but owners is not as it was.
    """
    above, _, name = path.rpartition("/")
    put = Put()
    if kept.copies:
        # First: below them, folders are our own, and what comes next gives them back their modes.
        copied = yield from _restore(retrieval.put_back(kept.id, kept.copies + above, name, target))
        put = copied or put
    chosen = "" if kept.is_alone(path) else name
    main = yield from _restore(retrieval.put_back(kept.id, above or "/", chosen, target))
    inside = yield Names(f"{target}/{name}")
    if not inside:
        return None
    if main is None:
        return put
    return Put(put.files + main.files, put.bytes + main.bytes, put.refused + main.refused)


def holding(snapshots: list[Kept], path: str) -> Generator[Effect, Result, list[Kept]]:
    """Return those that hold anything in a folder, found by opening the repository once."""
    found: set[str] = set()

    def hear(message: dict[str, Any]) -> None:
        if match := _FOUND.match(str(message.get("text", ""))):
            found.add(match[1])

    if snapshots:
        copies = {each.copies for each in snapshots if each.copies}
        folders = (path, *(f"{folder}{path}" for folder in sorted(copies)))
        step = retrieval.find(tuple(each.id for each in snapshots), folders, hear)
        done: Completed = yield step
        if done.code or done.stopped:
            raise failed(done, "the snapshots cannot be read")
    return [each for each in snapshots if each.id[:8] in found]


def _restore(step: Step) -> Generator[Effect, Result, Put | None]:
    done: Completed = yield step
    return came_back(done)


def came_back(done: Completed) -> Put | None:
    """Return what a finished restore brought; None where the snapshot has no such folder."""
    summary = done.message("summary")
    if done.stopped or (done.code and not done.unreadable):
        if not done.stopped and done.tail and _NOT_THERE.fullmatch(done.tail[-1]):
            return None
        raise failed(done, "restoring failed")
    wrong = [
        (path, why)
        for path, why in zip(done.unreadable, done.reasons, strict=True)
        if not _RIGHTS.fullmatch(why)
    ]
    if wrong:
        path, why = wrong[0]
        more = f" (and {len(wrong) - 1} more)" if wrong[1:] else ""
        failure = Failure.SPACE if "no space left" in why else Failure.RESTIC
        line = f"{path}{more} cannot be restored: {why}"
        if any(damage.is_damage(each) for _, each in wrong):
            failure, line = Failure.REPOSITORY, f"{line}; {damage.cure([why, *done.tail])}"
        raise Ended(Status.FAILURE, line, failure, done.code)
    if done.code and not (summary and done.tail and _ENDED.fullmatch(done.tail[-1])):
        raise failed(done, "restoring failed")
    return Put(
        int(summary.get("files_restored", 0)) + int(summary.get("files_skipped", 0)),
        int(summary.get("bytes_restored", 0)) + int(summary.get("bytes_skipped", 0)),
        done.unreadable,
    )
