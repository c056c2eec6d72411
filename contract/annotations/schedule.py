"""Cron with ``H``: each workload gets its own stable minute, which spreads the load.

``H`` in a field stands for one value of the field's range, chosen by a hash of the workload;
``H(a-b)`` narrows the range, ``H/n`` starts at a hashed offset and steps by n.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

OFF = "off"

FORMS = {
    "@hourly": "H * * * *",
    "@daily": "H H * * *",
    "@weekly": "H H * * H",
    "@monthly": "H H H * *",
}

# Minute, hour, day of month (every month has 28), month, day of week.
_RANGES = ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6))
_MONTH = 3
_CHANGE = 3 * 3600  # seconds; no clock is changed by more
_HASHED = re.compile(r"H(?:\(([0-9]{1,2})-([0-9]{1,2})\))?(?:/([0-9]{1,2}))?")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A checked schedule. ``fields`` are five cron fields that may hold ``H``; none when off."""

    text: str
    fields: tuple[str, ...]

    def next_after(self, moment: float, zone: ZoneInfo, identity: str) -> float | None:
        """Return the first slot after ``moment``, both in seconds since the epoch; None when off.

        ``identity`` seeds ``H``; a local time that a clock change skips or repeats runs once.
        """
        return self._neighbour(moment, zone, identity, reverse=False)

    def latest_until(self, moment: float, zone: ZoneInfo, identity: str) -> float | None:
        """Return the last slot at or before ``moment``; None when off."""
        return self._neighbour(int(moment) + 1, zone, identity, reverse=True)

    def _neighbour(
        self, moment: float, zone: ZoneInfo, identity: str, *, reverse: bool
    ) -> float | None:
        if not self.fields:
            return None
        text = spread(self.fields, identity)
        # Around a clock change, cronsim's local times lie out of order: look from farther off.
        margin = (
            0 if _offset(moment - _CHANGE, zone) == _offset(moment + _CHANGE, zone) else _CHANGE
        )
        start = int(moment) + (margin if reverse else -margin)
        for slot in CronSim(text, _local(start, zone), reverse=reverse):
            found = slot.timestamp()
            if found < moment if reverse else found > moment:
                return found
        return None


def _local(moment: float, zone: ZoneInfo) -> datetime:
    # Whole seconds: cronsim compares wall-clock fields, and a fraction would skip a slot.
    return datetime.fromtimestamp(int(moment), tz=UTC).astimezone(zone)


def _offset(moment: float, zone: ZoneInfo) -> timedelta | None:
    return _local(moment, zone).utcoffset()


def parse(text: str) -> Schedule:
    """Return the schedule that ``text`` writes; raise ValueError naming what is wrong."""
    words = text.split()
    if [word.lower() for word in words] == [OFF]:
        return Schedule(OFF, ())
    if len(words) == 1 and words[0].startswith("@"):
        if words[0].lower() not in FORMS:
            raise ValueError(f"use one of {' '.join(FORMS)}, five cron fields, or off")
        words = FORMS[words[0].lower()].split()
    if len(words) != len(_RANGES):
        raise ValueError("write five cron fields (minute hour day month weekday), @daily or off")
    fields = tuple(words)
    for expression in _every_month(fields):
        try:
            next(CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC)))
        except CronSimError as error:
            message = f"{str(error).lower() or 'no such date'} in the cron fields"
            raise ValueError(message) from error
        except StopIteration:
            raise ValueError("no such date in the cron fields") from None
    return Schedule(" ".join(text.split()), fields)


def spread(fields: tuple[str, ...], identity: str) -> str:
    """Return the cron expression in which each ``H`` has become this identity's own value."""
    return " ".join(
        _hashed(field, index, stable_hash(f"{index}/{identity}"))
        for index, field in enumerate(fields)
    )


def _every_month(fields: tuple[str, ...]) -> set[str]:
    """Return the expressions for every month that ``H`` may become: the 30th is not in all."""
    return {
        " ".join(_hashed(field, index, choice) for index, field in enumerate(fields))
        for choice in (range(12) if "H" in fields[_MONTH] else (0,))
    }


def _hashed(field: str, index: int, choice: int) -> str:
    return ",".join(_term(term, index, choice) for term in field.split(","))


def _term(term: str, index: int, choice: int) -> str:
    match = _HASHED.fullmatch(term)
    if match is None:
        return term
    low, high = _RANGES[index]
    if match[1]:
        first, last = int(match[1]), int(match[2])
        if not low <= first <= last <= high:
            raise ValueError(f"{term}: the range must lie within {low}-{high}")
        low, high = first, last
    step = int(match[3]) if match[3] else 0
    if match[3] and not 0 < step <= high - low + 1:
        raise ValueError(f"{term}: the step must lie within 1-{high - low + 1}")
    start = low + choice % (step or high - low + 1)
    return f"{start}-{high}/{step}" if step else str(start)


def stable_hash(text: str) -> int:
    """Return a number that is the same on every machine and in every version of Python."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:8])
