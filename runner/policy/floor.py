"""The minimum that retention keeps against annotations, Secret and records. Pure.

The chart's values and the Secret's variables set it; where both do, the higher one counts.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from contract.annotations import floors, settings
from contract.annotations.resolution import PREFIX, Setting
from contract.annotations.settings import Problem, Settings
from runner.policy import keep_policy
from runner.policy.keep_policy import Policy

_DAY = 86400  # seconds
_JOB_WITHIN, _JOB_LAST = "7d", 3
_KEYS = (settings.KEEP_LAST, settings.KEEP_WITHIN, settings.KEEP_ARCHIVES)


@dataclass(frozen=True, slots=True)
class Floor:
    """``within`` is a duration and ``last`` a count of snapshots, None if nobody sets it.

    ``grace``: seconds until retention that keeps less takes effect.
    """

    within: str | None = None
    last: int | None = None
    grace: float = 7 * _DAY

    def of_job(self) -> "Floor":
        """Return it as the maintenance job has it, which has one in any case."""
        within = _JOB_WITHIN if self.within is None else self.within
        return replace(self, within=within, last=_JOB_LAST if self.last is None else self.last)

    def under(self, kept: Policy) -> Policy:
        """Return a policy of snapshots that keeps no less than this; all stays all."""
        least: dict[str, str] = {}
        if self.within and keep_policy.at_most(self.within):
            least[keep_policy.WITHIN.key] = self.within
        if self.last:
            least[settings.KEEP_LAST.key] = str(self.last)
        return keep_policy.most(kept, least) if least else kept


def read(
    variables: Mapping[str, str], defaults: Mapping[str, str], problems: list[Problem]
) -> Floor:
    """Return the floor; a value that cannot be used is a problem, and the other one counts."""
    within = _texts(floors.WITHIN, variables, defaults, problems)
    last = _texts(floors.LAST, variables, defaults, problems)
    grace = _texts(floors.GRACE, variables, defaults, problems) or [floors.GRACE.default]
    longest = within[0] if within else None
    for text in within[1:]:
        longest = keep_policy.longer(longest or "", text)
    return Floor(
        within=longest,
        last=max(map(int, last)) if last else None,
        grace=max(float(floors.GRACE.parse(text)) for text in grace) * _DAY,
    )


def _texts(
    setting: Setting[Any], variables: Mapping[str, str], defaults: Mapping[str, str],
    problems: list[Problem],
) -> list[str]:  # fmt: skip
    key = setting.variable or ""
    found = []
    for where, name, text in (
        ("Secret variable", key, variables.get(key, "").strip()),
        ("chart value", setting.key, defaults.get(setting.key, "").strip()),
    ):
        try:
            found += [text] if text and setting.parse(text) is not None else []
        except ValueError as error:
            problems.append(Problem(where, name, text, str(error), "the other value, or none"))
    return found


def raised(values: Settings, floor: Floor, annotations: Mapping[str, object]) -> Settings:
    """Return settings that keep no less than the floor; a given value that is lower is named."""
    kept = keep_policy.of(values)
    least = floor.under(kept)
    problems = list(_too_low(values, floor, least, annotations))
    if least != kept:
        values = keep_policy.applied(values, least)
    if (days := values[settings.KEEP_ARCHIVES]) and days < _days(floor):
        values = values.changed(settings.KEEP_ARCHIVES, _days(floor))
    return values.with_problems(problems)


def _too_low(
    values: Settings, floor: Floor, least: Policy, annotations: Mapping[str, object]
) -> list[Problem]:
    """Return a problem for each value of annotation or Secret that the floor overrules."""
    used = {key: text for key, text in least.items() if text != keep_policy.of(values).get(key)}
    if 0 < values[settings.KEEP_ARCHIVES] < _days(floor):
        used[settings.KEEP_ARCHIVES.key] = f"{_days(floor)}d"
    found = []
    for setting in _KEYS:
        given = values.given.get(setting.key)
        if given is None or setting.key not in used:
            continue
        own = str(annotations.get(setting.annotation, "")).strip() == given
        where, key = (
            ("annotation", setting.annotation)
            if own
            else ("Secret variable", setting.variable or PREFIX)
        )
        why = "keeps less than the cluster's minimum"
        found.append(Problem(where, key, given, why, used[setting.key]))
    return found


def _days(floor: Floor) -> int:
    return math.ceil(keep_policy.at_most(floor.within or ""))
