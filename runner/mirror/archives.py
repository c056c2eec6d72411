"""Retention of a mirror's archives, by their real dates. Pure."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta

from contract.annotations import settings
from contract.text import counted
from runner.config.model import Config
from runner.mirror import rclone
from runner.schedule import due
from runner.steps.outcome import Status
from runner.steps.result import Completed
from runner.steps.step import Effect, Result
from runner.steps.task import TaskResult

_DAY = 86400  # seconds
_SKEW = timedelta(hours=1)  # by which the clocks of two nodes may differ
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)  # older than any mirror: such a clock was never set


def is_gap(config: Config, before: float, now: float) -> bool:
    """Whether a mirror is late, or its last success unknown, by longer than archives are kept.

    Either nobody made it or a clock has jumped ahead, and nobody here can tell which.
    """
    if not config.mirrors:
        return False
    late = now - (due.next_slot(before, config) or before)
    return late > config.settings[settings.KEEP_ARCHIVES] * _DAY


def expired(folders: list[str], now: datetime, days: int) -> list[str]:
    """Return the archives that are older than ``days``, the oldest first.

    Folders that are not named exactly as ours are never among them, nor those whose date is that
    of a clock that was not set.
    """
    dated = [(made, folder) for folder in folders if (made := rclone.moment(folder))]
    oldest = now - timedelta(days=days)
    return [folder for made, folder in sorted(dated) if _FIRST <= made < oldest]


def forget(
    config: Config, now: datetime, resumed: datetime, limit: float
) -> Generator[Effect, Result, TaskResult]:
    """Delete the archives that are too old, and nothing else.

    After a gap (``resumed`` is its end) all are kept as long as a new one: a clock may be wrong.
    """
    days = config.settings[settings.KEEP_ARCHIVES]
    if not days:
        return TaskResult(Status.SKIPPED, "backup.keep-archives is 0d: all archives are kept")
    listed: Completed = yield rclone.archives(config, limit)
    if bad := unfinished("listing archives", listed):
        return bad
    ours = [folder for folder in listed.text.splitlines() if rclone.moment(folder)]
    if ours and (rclone.moment(max(ours)) or now) > now + _SKEW:
        line = (
            f"{max(ours)} is in the future: no archive is deleted while a clock may be wrong; if "
            f"the clock is right, move that archive away"
        )
        return TaskResult(Status.FAILURE, line)
    old = expired(ours, now, days)
    if old and now < (until := resumed + timedelta(days=days)):
        line = f"no mirror run for more than {days} days: all archives are kept until {until}"
        return TaskResult(Status.SKIPPED, line)
    for folder in old:
        done: Completed = yield rclone.purge(config, folder, limit)
        if bad := unfinished(f"deleting {folder}", done):
            return bad
    kept = len(ours) - len(old)
    return TaskResult(
        Status.SUCCESS, f"{counted(len(old), 'archive')} removed, {kept} kept", None, len(old)
    )


def unfinished(what: str, done: Completed) -> TaskResult | None:
    if done.stopped in {"signal", "time"}:
        return TaskResult(Status.INTERRUPTED, "stopped before completion")
    if done.code or done.stopped:
        return TaskResult(Status.FAILURE, f"{what} failed: {done.said}", done.failure)
    return None
