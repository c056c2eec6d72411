"""Keep policies as values, and which of two keeps more. Pure.

A policy maps keys such as ``keep-daily`` to text, as annotations have it. The empty one keeps
everything. restic keeps a snapshot if any part of a policy does, so that a policy with higher
numbers in each part keeps all that one with lower numbers keeps.
"""

import math
import re
from collections.abc import Mapping

from contract.annotations import settings
from contract.annotations.settings import Settings

Policy = Mapping[str, str]

EVERYTHING: Policy = {}
COUNTS = (
    settings.KEEP_LAST, settings.KEEP_HOURLY, settings.KEEP_DAILY, settings.KEEP_WEEKLY,
    settings.KEEP_MONTHLY, settings.KEEP_YEARLY,
)  # fmt: skip
WITHIN, ARCHIVES = settings.KEEP_WITHIN, settings.KEEP_ARCHIVES
_DURATIONS = {WITHIN.key, ARCHIVES.key}
_PART = re.compile(r"([0-9]{1,5})([ymdh])")
_LEAST = {"y": 365.0, "m": 28.0, "d": 1.0, "h": 1 / 24}  # days of a unit, by the calendar
_MOST = {"y": 366.0, "m": 31.0, "d": 1.0, "h": 1 / 24}


def of(values: Settings) -> Policy:
    """Return the policy of a repository's snapshots in these settings."""
    found = {each.key: str(values[each]) for each in COUNTS if values[each]}
    within = values.get(WITHIN) or ""
    return {**found, WITHIN.key: within} if _days(within, _MOST) else found


def of_archives(values: Settings) -> Policy:
    """Return the policy of a mirror's archives in these settings."""
    days = values[ARCHIVES]
    return {ARCHIVES.key: f"{days}d"} if days else EVERYTHING


def covers(one: Policy, other: Policy) -> bool:
    """Whether ``one`` is sure to keep all that ``other`` keeps."""
    if not one:
        return True
    if not other:
        return False
    return all(_is_enough(key, one.get(key, "0"), text) for key, text in other.items())


def most(one: Policy, other: Policy) -> Policy:
    """Return the policy that keeps what either of them keeps."""
    if not one or not other:
        return EVERYTHING
    return {
        key: _longer(key, one.get(key, "0"), other.get(key, "0"))
        for key in dict.fromkeys((*one, *other))
    }


def longer(one: str, other: str) -> str:
    """Return the longer of two durations; where the calendar decides, one as long as both."""
    return _longer(WITHIN.key, one, other)


def at_most(text: str) -> float:
    """Return how many days a duration can be."""
    return _days(text, _MOST)


def applied(values: Settings, policy: Policy) -> Settings:
    """Return these settings with ``policy`` instead of their own."""
    for setting in COUNTS:
        values = values.changed(setting, int(policy.get(setting.key, "0")))
    return values.changed(WITHIN, policy.get(WITHIN.key, ""))


def applied_to_archives(values: Settings, policy: Policy) -> Settings:
    """Return these settings with the values of ``policy`` for a mirror's archives."""
    return values.changed(ARCHIVES, int(policy.get(ARCHIVES.key, "0d").removesuffix("d")))


def shown(policy: Policy) -> str:
    """Return a policy in words."""
    return " ".join(f"{key}={text}" for key, text in policy.items()) or "everything"


def _is_enough(key: str, has: str, needs: str) -> bool:
    if key not in _DURATIONS:
        return int(has) >= int(needs)
    return has == needs or _days(has, _LEAST) >= _days(needs, _MOST)


def _longer(key: str, one: str, other: str) -> str:
    if _is_enough(key, one, other):
        return one
    if key not in _DURATIONS or _is_enough(key, other, one):
        return other
    return f"{math.ceil(max(_days(one, _MOST), _days(other, _MOST)))}d"


def _days(text: str, units: Mapping[str, float]) -> float:
    return sum(int(count) * units[unit] for count, unit in _PART.findall(text))
