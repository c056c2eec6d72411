"""From annotations, Secret and chart to the effective settings.

The order is pod annotation, Secret variable, chart value, built-in default. A value that cannot
be used falls to the next of these and is named in a `Problem`: a typo never costs a backup.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

PREFIX = "backup."
_LAST_GOOD = "last good value"
_LIVE = ("annotation", "Secret variable", _LAST_GOOD)
_SHOWN = 60  # characters of a bad value that a message repeats

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Setting(Generic[T]):
    """One setting: annotation ``backup.<key>``; ``variable`` in the Secret where it is live.

    ``parse`` turns text into the value and raises ValueError saying what to write instead.
    An empty text means "not given", in every layer.
    """

    key: str
    default: str
    parse: Callable[[str], T]
    variable: str | None = None
    annotation: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "annotation", PREFIX + self.key)

    @property
    def live(self) -> bool:
        """Whether it takes effect in a running pod."""
        return self.variable is not None


@dataclass(frozen=True, slots=True)
class Problem:
    """An invalid value; ``str()`` is one line for people."""

    where: str
    key: str
    value: str
    reason: str
    used: str

    def __str__(self) -> str:
        shown = self.value if len(self.value) <= _SHOWN else self.value[:_SHOWN] + "…"
        value = f" {shown!r}" if self.value else ""
        used = f"; using {self.used}" if self.used else ""
        return f"{self.where} {self.key}{value}: {self.reason}{used}"


class Settings:
    """The effective value of each setting, typed by its constant: ``settings[SCHEDULE]``."""

    def __init__(
        self,
        effective: Mapping[str, object],
        problems: tuple[Problem, ...],
        given: Mapping[str, str] | None = None,
    ) -> None:
        self._effective = effective
        self.problems = problems
        self.given = given or {}
        """The text of each setting, by key, that came from an annotation or the Secret."""

    def __getitem__(self, setting: Setting[T]) -> T:
        return cast("T", self._effective[setting.key])

    def get(self, setting: Setting[T]) -> T | None:
        """Return the value, or None if it is given nowhere and has no default."""
        return cast("T | None", self._effective.get(setting.key))

    def replaced(self, setting: Setting[T], value: T, problem: Problem) -> "Settings":
        """Return these with ``value`` for ``setting``, because of ``problem``."""
        changed = {**self._effective, setting.key: value}
        return Settings(changed, (*self.problems, problem), self.given)

    def with_problems(self, problems: Iterable[Problem]) -> "Settings":
        """Return these with further problems."""
        return Settings(self._effective, (*self.problems, *problems), self.given)

    def changed(self, setting: Setting[T], value: T) -> "Settings":
        """Return these with ``value`` for ``setting``, without reporting a problem."""
        return Settings({**self._effective, setting.key: value}, self.problems, self.given)


def resolve(
    annotations: Mapping[str, object],
    variables: Mapping[str, str],
    defaults: Mapping[str, str],
    settings: Iterable[Setting[Any]],
    last_good: Mapping[str, str] | None = None,
) -> Settings:
    """Return the effective settings and every problem met on the way.

    ``annotations`` are the pod's (full keys), ``variables`` the Secret's, ``defaults`` the chart's
    (keys without prefix). A setting without value and default has no entry. ``last_good`` are
    `Settings.given` of before (by key), which a bad annotation or variable does not replace.
    """
    effective: dict[str, object] = {}
    given: dict[str, str] = {}
    problems: list[Problem] = []
    for setting in settings:
        if not (
            setting.annotation in annotations
            or setting.variable in variables
            or setting.key in defaults
        ):
            if setting.default:
                effective[setting.key] = _parsed(setting, setting.default)
            continue
        layers = [
            ("annotation", setting.annotation, annotations.get(setting.annotation)),
            ("Secret variable", setting.variable, variables.get(setting.variable or "")),
            (_LAST_GOOD, setting.key, (last_good or {}).get(setting.key)),
            ("chart value", setting.key, defaults.get(setting.key)),
            ("default", setting.key, setting.default),
        ]
        rejected: list[Problem] = []
        for where, key, raw in layers:
            try:
                text = text_of(raw)
                if not text or (where == _LAST_GOOD and not rejected):
                    continue
                effective[setting.key] = _parsed(setting, text)
            except ValueError as error:
                rejected.append(Problem(where, str(key), str(raw), str(error), ""))
            else:
                problems += [_with_used(problem, text) for problem in rejected]
                if where in _LIVE:
                    given[setting.key] = text
                break
        else:
            problems += [_with_used(problem, "none") for problem in rejected]
    return Settings(effective, tuple(problems), given)


def _parsed(setting: Setting[Any], text: str) -> object:
    # Most values are defaults, and the same for every pod. Long ones would fill the memory.
    return _remembered(setting, text) if len(text) <= _SHOWN else setting.parse(text)


@lru_cache(1024)
def _remembered(setting: Setting[Any], text: str) -> object:
    return setting.parse(text)


def text_of(raw: object) -> str:
    """Return the stripped text of a value; raise ValueError if it is no text."""
    if raw is None:
        return ""
    if not isinstance(raw, str):
        shown = str(raw).lower() if isinstance(raw, bool) else raw
        raise ValueError(f'is not text, quote it: "{shown}"')  # noqa: TRY004 -- one kind of error
    return raw.strip()


def _with_used(problem: Problem, used: str) -> Problem:
    return Problem(problem.where, problem.key, problem.value, problem.reason, used)
