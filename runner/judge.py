"""What a finished backup is worth, judged per source folder: green means restorable. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from runner.outcome import Counts, Failure, Status, size
from runner.output import Completed

_NAMED = 5  # unreadable files that the message names


class Source(StrEnum):
    """What a source folder looks like before the run."""

    FULL = "full"
    EMPTY = "empty"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run knows at its beginning. ``once_full`` are sources that held files before."""

    sources: dict[str, Source]
    once_full: frozenset[str]
    had_success: bool
    now: datetime


def worth(facts: Facts, done: Completed, counts: Counts) -> tuple[Status, str, Failure | None]:
    """Return status, message and class for a backup that left a snapshot with ``counts``."""
    by_state = {
        state: [path for path, found in facts.sources.items() if found == state] for state in Source
    }
    lost = [path for path in by_state[Source.EMPTY] if path in facts.once_full]
    unreadable = set(done.unreadable) & facts.sources.keys() | set(by_state[Source.UNREADABLE])
    for what, paths in (
        ("missing", by_state[Source.MISSING]),
        ("empty, and held files before", lost),
        ("unreadable", sorted(unreadable)),
    ):
        if paths:
            line = f"{what}: {', '.join(paths)}; older snapshots are kept until it is back"
            return Status.FAILURE, line, Failure.SOURCE
    if done.read_errors and done.read_errors >= counts.files:
        line = f"{_unread(done)}, which is half of all or more; older snapshots are kept"
        return Status.FAILURE, line, Failure.SOURCE
    if done.code or done.read_errors:
        return Status.WARNING, _unread(done), Failure.SOURCE
    if empty := by_state[Source.EMPTY]:
        return Status.WARNING, f"empty: {', '.join(empty)}", Failure.SOURCE
    return Status.SUCCESS, f"{counts.files} files, {size(counts.added_bytes)} added", None


def _unread(done: Completed) -> str:
    if not done.unreadable:
        return f"some files could not be read: {done.said}"
    named = ", ".join(done.unreadable[:_NAMED])
    more = done.read_errors - _NAMED
    return f"{done.read_errors} unreadable: {named}{f' and {more} more' if more > 0 else ''}"
