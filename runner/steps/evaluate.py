"""Judges a finished backup by source folder: success means restorable. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from contract.text import counted
from contract.units import size
from runner.steps import damage
from runner.steps.outcome import Counts, Failure, Status
from runner.steps.result import Completed

_HARDLY = 0.1  # of the files, or of the bytes
_MANY_FILES, _MANY_BYTES = 20, 1 << 20  # where there were fewer, shares mean nothing
_KEPT = (
    "older snapshots are kept until it is back or `backup-runner accept` confirms that it is "
    "intended"
)
_NAMED = 5  # unreadable files that the message names


class Source(StrEnum):
    """What a source folder looks like before the run."""

    FULL = "full"
    EMPTY = "empty"
    MISSING = "missing"
    REFUSED = "refused"  # a link that is not followed, or no folder at all
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Copies:
    """Consistent copies of databases: a folder that mirrors their paths, "" where there are none.

    ``excludes`` are restic patterns of the live files that the copies stand for; ``doubts`` name
    databases that are backed up as ordinary files; ``notes`` are globs, and files that they match,
    which have no part in this. ``patterns``: a file with the excludes, where they are too many for
    a command line.
    """

    folder: str = ""
    excludes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    patterns: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run knows at its beginning.

    ``once_full`` are sources that held files before; ``usual`` are files and bytes of the last
    snapshot that was as it should be, and ``left_out`` the dumps that stood for some of the
    volumes' files then; None if unknown. ``accepted``: that they lost files was meant.
    ``refused`` says why of sources that cannot be read, ``inside`` what restic gets instead of a
    source that is a link, and ``real`` where that leads. ``unread_locks`` are locks that nobody can
    read and when they were first seen; a run adds to it.
    """

    sources: dict[str, Source]
    once_full: frozenset[str]
    had_success: bool
    now: datetime
    usual: tuple[int, int] | None = None
    left_out: tuple[str, ...] | None = None
    copies: Copies = Copies()
    accepted: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    inside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    real: Mapping[str, str] = field(default_factory=dict)
    unread_locks: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a backup; ``failure`` is its class, None if it is good."""

    status: Status
    message: str
    failure: Failure | None = None


def worth(facts: Facts, done: Completed, counts: Counts, files: Mapping[str, int]) -> Verdict:
    """Return what a backup is worth that left a snapshot with ``counts``.

    ``files`` says how many there are in each source with unreadable ones.
    """
    if line := _lost(facts, done, files) or _without_files(facts, counts):
        also = f"; also, {_damaged(done)}" if done.damaged else ""
        return Verdict(Status.FAILURE, f"{line}; {_KEPT}{also}", Failure.SOURCE)
    if done.damaged:
        return Verdict(Status.FAILURE, _damaged(done), Failure.REPOSITORY)
    if done.read_errors and done.read_errors >= counts.files:
        line = f"{_unread(done)}, half of all or more; older snapshots are kept"
        return Verdict(Status.FAILURE, line, Failure.SOURCE)
    if line := _doubtful(facts, done, counts):
        return Verdict(Status.WARNING, line, Failure.SOURCE)
    line = f"{counted(counts.files, 'file')}, {size(counts.added_bytes)} added"
    return Verdict(Status.SUCCESS, line)


def _doubtful(facts: Facts, done: Completed, counts: Counts) -> str:
    """Return the problems of a snapshot, the worst first; "" if there are none."""
    if is_shrunk(facts, counts):
        return _shrunk(facts, counts)
    found = [_unread(done)] if done.read_errors or (done.code and not done.attributes[0]) else []
    if done.attributes[0]:
        found.append(_attributes(done))
    found += _first(facts.copies.doubts)
    empty = [path for path, state in facts.sources.items() if state == Source.EMPTY]
    return "; ".join([*found, f"empty: {', '.join(empty)}"] if empty else found)


def _first(doubts: Sequence[str]) -> list[str]:
    """Return the first of many lines; the log has them all."""
    more = len(doubts) - _NAMED
    return [*doubts[:_NAMED], *([f"and {more} more, see the log"] if more > 0 else [])]


def _lost(facts: Facts, done: Completed, files: Mapping[str, int]) -> str:
    """Return the sources that are missing or incomplete in the snapshot; "" if there are none."""
    sources = facts.sources
    by_state = {
        state: [path for path, found in sources.items() if found == state] for state in Source
    }
    errors = errors_by_source(facts, done)
    mostly = [path for path, total in files.items() if 2 * len(errors.get(path, ())) >= total]
    unreadable = set(done.unreadable) & sources.keys() | set(by_state[Source.UNREADABLE])
    if facts.refused:
        return "; ".join(f"{path} {why}" for path, why in sorted(facts.refused.items()))
    for what, paths in (
        ("missing", by_state[Source.MISSING]),
        ("empty, and had files before", set(by_state[Source.EMPTY]) & facts.once_full),
        ("unreadable", unreadable),
        ("half unreadable or more", mostly),
    ):
        if paths:
            return f"{what}: {', '.join(sorted(paths))}"
    return ""


def _without_files(facts: Facts, counts: Counts) -> str:
    """Return why a snapshot without files does not count; "" if it may be empty."""
    if counts.files or facts.left_out:  # a dump may stand for all of them
        return ""
    full = [path for path, state in facts.sources.items() if state == Source.FULL]
    if full:
        why = "backup.exclude or RESTIC_ADDITIONAL_BACKUP_PARAMETERS exclude all of them"
        return f"the snapshot has no files, but there are files in {', '.join(full)}: {why}"
    files = facts.usual[0] if facts.usual else 0
    return f"the snapshot has no files, and there were {files} before" if files else ""


def errors_by_source(facts: Facts, done: Completed) -> Mapping[str, list[str]]:
    """Return what could not be read in each source that has such."""
    found: dict[str, list[str]] = {}
    for path in facts.sources:
        inside = [item for item in done.unreadable if item.startswith(path.rstrip("/") + "/")]
        if inside:
            found[path] = inside
    return found


def is_shrunk(facts: Facts, counts: Counts) -> bool:
    """Whether hardly anything is left of what there used to be."""
    files, total = facts.usual or (0, 0)
    return (files >= _MANY_FILES and counts.files < files * _HARDLY) or (
        total >= _MANY_BYTES and counts.source_bytes < total * _HARDLY
    )


def _shrunk(facts: Facts, counts: Counts) -> str:
    files, total = facts.usual or (0, 0)
    now = f"{counts.files} ({size(counts.source_bytes)})"
    return f"shrank from {counted(files, 'file')} ({size(total)}) to {now}; {_KEPT}"


def _unread(done: Completed) -> str:
    if not done.unreadable:
        return f"some files could not be read: {done.said}"
    reasons = done.reasons or ("",) * done.read_errors
    pairs = zip(done.unreadable[:_NAMED], reasons, strict=False)
    named = ", ".join(f"{path}{_short(why, path)}" for path, why in pairs)
    more = done.read_errors - _NAMED
    return f"{done.read_errors} unreadable: {named}{f' and {more} more' if more > 0 else ''}"


def _short(why: str, path: str) -> str:
    """Return a reason in brackets, without the call and the path that restic prefixes."""
    reason = why.rpartition(f"{path}: ")[2].strip() or why.strip()
    return f" ({reason})" if reason else ""


def _attributes(done: Completed) -> str:
    count, why = done.attributes
    return f"the extended attributes of {counted(count, 'file')} could not be read: {why}"


def _damaged(done: Completed) -> str:
    line = f"the repository is damaged: {done.damaged[0]}"
    return f"{line}; {damage.cure(done.damaged)}"
