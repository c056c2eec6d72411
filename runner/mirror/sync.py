"""One run of a mirror, as a conversation; sources are judged before anything is deleted. Pure."""

import json
from collections.abc import Generator
from dataclasses import replace
from datetime import datetime

from contract.text import counted
from runner.config.model import Config
from runner.mirror import rclone
from runner.restic.snapshots import LastBackup
from runner.steps import evaluate
from runner.steps.evaluate import Facts, Source
from runner.steps.outcome import Counts, Failure, Outcome, Status
from runner.steps.questions import Count
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, RunEnded, failed

_MISSING = 3  # rclone's exit code where a folder is not there
_NOT_THERE = (_MISSING, 4)  # where a folder or a file is not there

Size = tuple[int, int]  # files and bytes


def backup(config: Config, facts: Facts, limit: float = 0) -> Generator[Effect, Result, Outcome]:
    """Mirror every source that is as it should be, in ``limit`` seconds each if that is not 0."""
    try:
        return (yield from _backup(config, facts, limit))
    except RunEnded as ended:
        return ended.outcome


def _backup(config: Config, facts: Facts, limit: float) -> Generator[Effect, Result, Outcome]:
    if config.mirror is None or not config.mirror.usable:
        line = "BUP_DST must be remote:path or an absolute path; nothing was mirrored"
        raise RunEnded(Status.FAILURE, line, Failure.CONFIG)
    present = [path for path, found in facts.sources.items() if found == Source.FULL]
    unread = {Source.MISSING, Source.REFUSED}
    if all(found in unread for found in facts.sources.values()):
        links = [f"{path} {why}" for path, why in facts.refused.items()]
        line = "; ".join(links) or f"missing: {', '.join(facts.sources) or 'no folder'}"
        line += "; nothing was mirrored"
        raise RunEnded(Status.FAILURE, line, Failure.SOURCE)
    marked = yield from _marked(config)
    held: dict[str, Size] = {}
    for path in facts.sources:
        held[path] = yield from _size_of_mirror(config, path, limit)
    if facts.had_success and not marked and not any(files for files, _ in held.values()):
        line = "the mirror is gone: check BUP_DST, or remove the backup state to start over"
        raise RunEnded(Status.FAILURE, line, Failure.CONFIG)
    once_full = {path for path, (files, _) in held.items() if files and not facts.accepted}
    facts = replace(facts, once_full=facts.once_full | once_full, usual=None)
    total, shrunk, transferred = Completed(0), "", Counts()
    for path in _in_order(facts, present):
        size = yield from _size_of_source(config, facts.real.get(path, path), limit)
        counts = Counts(unmodified=size[0], source_bytes=size[1])
        usual = None if facts.accepted else held[path]
        less = evaluate.is_shrunk(replace(facts, usual=usual), counts)
        less = less or (not size[0] and path in present)  # everything is left out of it
        if less:
            held_before = counted(held[path][0], "file")
            shrunk = f"{path} shrank from {held_before} to {size[0]}; nothing was deleted"
        real = facts.real.get(path, path)
        step = rclone.transfer(config, path, facts.now, limit, delete=not less, real=real)
        done: Completed = yield step
        total = _with_errors(total, path, done, limit)
        transferred = _sum(transferred, counts, done.message("stats"))
    return (yield from _judged(config, facts, total, transferred, shrunk))


def _in_order(facts: Facts, present: list[str]) -> list[str]:
    """Return the sources to mirror: full ones, and emptied ones that were accepted."""
    meant = [
        path for path, found in facts.sources.items() if found == Source.EMPTY and facts.accepted
    ]
    return sorted((*present, *meant))


def _marked(config: Config) -> Generator[Effect, Result, datetime | None]:
    done: Completed = yield rclone.look(config)
    if done.stopped == "time":
        raise failed(done, "the destination does not answer", Failure.NETWORK)
    if done.stopped or done.code not in {0, *_NOT_THERE}:
        raise failed(done, "the destination cannot be read")
    return _moment(done.text)


def last_success(config: Config) -> Generator[Effect, Result, LastBackup]:
    """Return when the mirror was last as it should be, by its mark."""
    done: Completed = yield rclone.look(config)
    made = None if done.code or done.stopped else _moment(done.text)
    is_certain = made is not None or (not done.stopped and done.code in _NOT_THERE)
    return LastBackup(made, is_certain=is_certain)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads(text)["ModTime"])
    except (ValueError, KeyError, TypeError):
        return None


def _size_of_mirror(config: Config, path: str, limit: float) -> Generator[Effect, Result, Size]:
    done: Completed = yield rclone.size_of_mirror(config, path, limit)
    _in_time(done, limit)
    if done.code == _MISSING and not done.stopped:
        return (0, 0)
    size = _size(done.text)
    if done.code or done.stopped or size is None:
        raise failed(done, "the mirror's files cannot be counted")
    return size


def _size_of_source(config: Config, path: str, limit: float) -> Generator[Effect, Result, Size]:
    """Count the readable files of a source: the transfer itself names the others."""
    done: Completed = yield rclone.size_of_source(config, path, limit)
    _in_time(done, limit)
    size = _size(done.text)
    if done.stopped or size is None:
        raise failed(done, f"{path} cannot be counted", Failure.SOURCE)
    return size


def _size(text: str) -> Size | None:
    try:
        found = json.loads(text)
        return int(found["count"]), int(found["bytes"])
    except (ValueError, KeyError, TypeError):
        return None


def _in_time(done: Completed, limit: float) -> None:
    """End the run if the pod's termination came first, which sets the limit."""
    if limit and done.stopped == "time":
        line = "stopped: the pod's grace period is too short for a last backup"
        raise RunEnded(Status.INTERRUPTED, line, None, done.code)


def _with_errors(total: Completed, path: str, done: Completed, limit: float) -> Completed:
    """Add the result of one source; only unreadable files are tolerated."""
    _in_time(done, limit)
    if done.stopped or (done.code and (not done.unreadable or done.other_errors)):
        raise failed(done, "the mirror failed")
    if not done.code:
        return total  # what was said before, a later attempt of rclone's has mended
    found = tuple(f"{path}/{item}" for item in done.unreadable)
    unreadable = (*total.unreadable, *found)
    return replace(done, unreadable=unreadable, read_errors=len(unreadable))


def _sum(before: Counts, source: Counts, stats: dict[str, object]) -> Counts:
    sent = min(int(str(stats.get("transfers", 0))), source.files)
    return Counts(
        new=before.new + sent,
        unmodified=before.unmodified + source.files - sent,
        source_bytes=before.source_bytes + source.source_bytes,
        added_bytes=before.added_bytes + int(str(stats.get("bytes", 0))),
    )


def _judged(
    config: Config, facts: Facts, done: Completed, counts: Counts, shrunk: str
) -> Generator[Effect, Result, Outcome]:
    wounded = tuple(evaluate.errors_by_source(facts, done))
    files = (yield Count(wounded)) if wounded else {}
    verdict = evaluate.worth(facts, done, counts, files)
    status, message, failure = verdict.status, verdict.message, verdict.failure
    if shrunk and status != Status.FAILURE:
        accept = "`backup-runner accept` confirms that it is intended"
        status, message, failure = Status.WARNING, f"{shrunk}; {accept}", Failure.SOURCE
    if status != Status.FAILURE:
        marked: Completed = yield rclone.mark(config)
        if marked.code or marked.stopped:
            # The data is safe; only a new pod would not know since when.
            message += f"; the mirror cannot be marked as complete: {marked.said}"
            status = Status.WARNING
            failure = failure or marked.failure
    return Outcome(
        status=status,
        message=message,
        failure=failure,
        exit_code=done.code,
        snapshot="mirror",
        counts=counts,
        unreadable=done.unreadable,
        read_errors=done.read_errors,
        shrunk=bool(shrunk),
    )
