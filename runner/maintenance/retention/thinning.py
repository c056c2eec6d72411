"""Finds doubtful and earlier snapshots that retention would not keep among all others. Pure.

By their tag, or by the name that the workload had, they are groups of their own to restic, so that
they push no good one out; but none follows once the files are back, their loss was accepted, or the
name is another, and a group in which nothing new comes would be kept forever.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from contract import snapshots
from contract.annotations import settings
from contract.snapshots import Snapshot
from runner.config.model import Config
from runner.restic import commands

_BUCKETS: dict[str, Callable[[datetime], object]] = {
    "--keep-last": lambda made: made,
    "--keep-hourly": lambda made: (made.date(), made.hour),
    "--keep-daily": lambda made: made.date(),
    "--keep-weekly": lambda made: made.isocalendar()[:2],
    "--keep-monthly": lambda made: (made.year, made.month),
    "--keep-yearly": lambda made: made.year,
}
_DAYS = {"y": 366.0, "m": 31.0, "d": 1.0, "h": 1 / 24}  # at most


def superfluous(config: Config, found: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    """Return doubtful and earlier snapshots that retention would not keep; of each dump apart.

    It is restic's own rule, applied to all of them together; of that, only what it says of doubtful
    and earlier ones counts. None if one does not say when it was made, or everything is kept.
    """
    if commands.forget(config) is None:
        return ()
    kinds: dict[str, list[Snapshot]] = {}
    for each in found:
        kinds.setdefault(snapshots.dump_tag(each.tags), []).append(each)
    return tuple(one for each in kinds.values() for one in _superfluous(config, each))


def _superfluous(config: Config, ours: list[Snapshot]) -> tuple[Snapshot, ...]:
    if not all(each.is_dated for each in ours):
        return ()
    newest = sorted(ours, key=lambda each: each.time, reverse=True)
    return tuple(
        each
        for each, kept in zip(newest, _kept(config, newest), strict=True)
        if not kept and (each.is_doubtful or each.made_as)
    )


def _kept(config: Config, newest: list[Snapshot]) -> list[bool]:
    left = {flag: int(config.settings[setting]) for flag, setting in commands.KEEP}
    last: dict[str, object] = {}
    within = _within(config.settings.get(settings.KEEP_WITHIN) or "")
    answers = []
    for each in newest:
        kept = snapshots.KEEP in each.tags or newest[0].time - each.time < within
        for flag, bucket in _BUCKETS.items():
            # The oldest one of all is kept as long as there is room, as restic does.
            new = last.get(flag) != bucket(each.time) or each is newest[-1]
            if left[flag] and new:
                kept = True
                left[flag] -= 1
                last[flag] = bucket(each.time)
        answers.append(kept)
    return answers


def _within(text: str) -> timedelta:
    found = re.findall(r"([0-9]+)([ymdh])", text)
    return timedelta(days=sum(int(count) * _DAYS[unit] for count, unit in found))
