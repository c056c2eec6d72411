"""Stale locks, and which of them may be removed. Pure."""

import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from contract import exit_codes
from runner.restic.repository import opening
from runner.steps import damage
from runner.steps.outcome import Failure, Status
from runner.steps.questions import Ages
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, RunEnded, failed, must

_STALE = timedelta(minutes=30)
_SKEW = timedelta(days=1)  # a lock this far ahead says nothing of its age


def remove_stale(
    now: datetime, seen: dict[str, float], folder: str = "", *, torn: bool | None = False
) -> Generator[Effect, Result, int]:
    """Remove the locks if every one of them is old, return how many; otherwise the run is over.

    ``unlock`` takes a live lock of an equal host name elsewhere for stale, hence our own look.
    What cannot be read says no time: it counts from when it was first ``seen`` (epoch seconds by
    id; what was seen now is added), or from when its file in the local ``folder`` was written.
    ``torn``: restic takes no lock because of one that it cannot read (it passes over empty ones);
    None if that was not tried.
    """
    listed: Completed = yield opening.locks()
    if listed.stopped:
        raise failed(listed, "the locks cannot be read")
    identifiers = listed.text.split() if not listed.code else []
    stale, ahead, unread = 0, "", []
    for identifier in identifiers:
        read: Completed = yield opening.lock(identifier)
        if read.stopped:
            raise failed(read, "a lock cannot be read")
        lock = _age(read.text, now) if read.code == 0 else _Lock()
        age, host = lock.age, lock.host
        if age is None and (read.code == 0 or damage.first(read.tail)):
            unread.append(identifier)
        elif age is not None:
            stale += age > _STALE
            if age < -_SKEW:
                ahead = f"{host}, since {(now - age).isoformat(timespec='seconds')}"
    since = yield from _first_seen(unread, seen, now, folder)
    stale += sum(now.timestamp() - each > _STALE.total_seconds() for each in since)
    if not identifiers or stale < len(identifiers):
        raise _torn(min(since)) if torn is not False and since else locked(stale, ahead)
    if torn is None and unread:
        looked: Completed = yield opening.look_locked()
        torn = looked.torn_lock
    if torn and unread:
        yield from _remove_all(identifiers)
    else:
        yield from must(opening.unlock(), "stale locks cannot be removed")
    return stale


def _remove_all(identifiers: list[str]) -> Generator[Effect, Result, None]:
    """Remove all locks, which are those that were checked.

    Plain ``unlock`` leaves unreadable locks. While there is one, restic refuses to take
    any other, so that there is no newer lock; a holder renews its lock every 5
    minutes under another id, and all existing ones are older than 30. What remains is another
    sidecar that does the same at this moment: a second check shows that it was faster.
    """
    again: Completed = yield opening.locks()
    if again.code or again.stopped or sorted(again.text.split()) != sorted(identifiers):
        raise locked()
    yield from must(opening.unlock_all(), "damaged locks cannot be removed")


def _first_seen(
    unread: list[str], seen: dict[str, float], now: datetime, folder: str
) -> Generator[Effect, Result, list[float]]:
    """Return since when each unreadable lock exists; drop the others."""
    for gone in seen.keys() - set(unread):
        del seen[gone]
    for identifier in unread:
        if not 0 < seen.get(identifier, 0) <= now.timestamp():
            seen[identifier] = now.timestamp()
    written: dict[str, float] = (yield Ages(f"{folder}/locks")) if unread and folder else {}
    return [min(seen[each], written.get(each, seen[each])) for each in unread]


def locked(stale: int = 0, ahead: str = "") -> RunEnded:
    """Return the end of a run that met locks, of which ``stale`` are old but not all.

    ``ahead`` says whose one is from the future, and will not be old for a long time.
    """
    line = "the repository is locked by another run; retrying later"
    if ahead:
        line = (
            f"the repository is locked by {ahead}: a clock was wrong, and the lock may never "
            f"become stale; when nothing uses the repository, remove it in a backup container with "
            f"{damage.UNLOCK}"
        )
    ended = RunEnded(Status.SKIPPED, line, Failure.LOCKED, exit_codes.LOCKED)
    ended.outcome = replace(ended.outcome, stale_locks=stale)
    return ended


def _torn(since: float) -> RunEnded:
    """Return the result of a run that found a torn lock, first seen at ``since``, not yet stale."""
    until = datetime.fromtimestamp(since, UTC) + _STALE
    line = (
        "a lock of the repository is damaged: restic can neither read it nor create another; it "
        f"is removed after {until.isoformat(timespec='minutes')}, when it is 30 minutes old; to "
        f"remove it earlier, when nothing uses the repository, run {damage.UNLOCK}"
    )
    return RunEnded(Status.FAILURE, line, Failure.REPOSITORY, 1)


@dataclass(frozen=True, slots=True)
class _Lock:
    """The age of a lock, None if it is unknown, and its host."""

    age: timedelta | None = None
    host: str = ""


def _age(text: str, now: datetime) -> _Lock:
    """Return the age and the host of a lock."""
    try:
        lock = json.loads(text)
        return _Lock(now - datetime.fromisoformat(lock["time"]), str(lock.get("hostname", "")))
    except (ValueError, KeyError, TypeError):
        return _Lock()
