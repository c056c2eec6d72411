"""Which doubtful snapshots retention would not keep, were they good ones. Pure.

By their tag they are a group of their own to restic, so that they push no good one out; but none
follows once the files are back, or their loss was accepted, and a group in which nothing new comes
would be kept for ever.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from contract import names, settings
from runner import history, maintainer, steps
from runner.config import Config

_BUCKETS: dict[str, Callable[[datetime], object]] = {
    "--keep-last": lambda made: made,
    "--keep-hourly": lambda made: (made.date(), made.hour),
    "--keep-daily": lambda made: made.date(),
    "--keep-weekly": lambda made: made.isocalendar()[:2],
    "--keep-monthly": lambda made: (made.year, made.month),
    "--keep-yearly": lambda made: made.year,
}
_DAYS = {"y": 366.0, "m": 31.0, "d": 1.0, "h": 1 / 24}  # at most

Json = dict[str, Any]


def superfluous(config: Config, found: Iterable[Json]) -> tuple[str, ...]:
    """Return the ids of doubtful snapshots that retention would not keep; of each dump apart.

    It is restic's own rule, applied to good and doubtful ones together; of that, only what it says
    of doubtful ones counts. None where one does not say when it was made, or everything is kept.
    """
    if steps.forget(config) is None:
        return ()
    kinds: dict[str, list[Json]] = {}
    for each in found:
        kinds.setdefault(history.kind(each), []).append(each)
    return tuple(name for each in kinds.values() for name in _superfluous(config, each))


def _superfluous(config: Config, ours: list[Json]) -> tuple[str, ...]:
    made = [maintainer.moment(each) for each in ours]
    times = [moment for moment in made if moment is not None]
    if len(times) < len(ours):
        return ()
    newest = sorted(zip(times, ours, strict=True), key=lambda pair: pair[0], reverse=True)
    return tuple(
        str(each["id"])
        for (_, each), kept in zip(newest, _kept(config, newest), strict=True)
        if not kept and steps.DOUBTFUL_TAG in _tags(each)
    )


def _kept(config: Config, newest: list[tuple[datetime, Json]]) -> list[bool]:
    left = {flag: int(config.settings[setting]) for flag, setting in steps.KEEP}
    last: dict[str, object] = {}
    within = _within(config.settings.get(settings.KEEP_WITHIN) or "")
    answers = []
    for made, each in newest:
        kept = names.KEEP_TAG in _tags(each) or newest[0][0] - made < within
        for flag, bucket in _BUCKETS.items():
            # The oldest one of all is kept as long as there is room, as restic does.
            new = last.get(flag) != bucket(made) or each is newest[-1][1]
            if left[flag] and new:
                kept = True
                left[flag] -= 1
                last[flag] = bucket(made)
        answers.append(kept)
    return answers


def _within(text: str) -> timedelta:
    found = re.findall(r"([0-9]+)([ymdh])", text)
    return timedelta(days=sum(int(count) * _DAYS[unit] for count, unit in found))


def _tags(each: Json) -> tuple[str, ...]:
    return tuple(each.get("tags") or ())
