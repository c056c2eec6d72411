"""Every annotation as a documented constant; from annotations, Secret and chart to Settings.

The order is pod annotation, Secret variable, chart value, built-in default. A value that cannot
be used falls to the next of these and is named in a `Problem`: a typo never costs a backup.
This is the only reader of annotation text.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from contract import names, schedule, values

PREFIX = "backup."
_UNKNOWN_TOLD = 20  # unknown keys that are named; each costs a search for what was meant
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
    """A value that could not be used; ``str()`` is the one line for people."""

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


ENABLED = Setting("enabled", "false", values.boolean)
"""Whether the pod is backed up. Anything that is no boolean: not injected, with a warning."""

SCHEDULE = Setting("schedule", "H * * * *", schedule.parse, "BACKUP_SCHEDULE")
"""When backups run: five cron fields with ``H``, an ``@`` form, or ``off``."""

TIMEZONE = Setting("timezone", "UTC", values.timezone, "BACKUP_TIMEZONE")
"""IANA time zone of all schedules; each local time runs once over a clock change."""

VOLUMES = Setting("volumes", "", values.words)
"""Volume names, ``name:sub/path`` narrows one; default: every claim that a container mounts."""

EXCLUDE = Setting("exclude", "", values.lines, "BACKUP_EXCLUDE")
"""restic exclude patterns, one a line; ``lost+found`` is always excluded."""

SECRET = Setting("secret", "backup-env-configuration", values.object_name)
"""Secret in the pod's namespace with repository, password and the variables named here."""

NAME = Setting("name", "", values.host)
"""The restic host; default: the workload's name. The Secret's variable is RESTIC_HOSTNAME."""

KEEP_LAST = Setting("keep-last", "1", values.count, "KEEP_LAST")
"""How many of the latest snapshots to keep. All keep-* zero means: keep everything."""

KEEP_HOURLY = Setting("keep-hourly", "24", values.count, "KEEP_HOURLY")
"""How many hours to keep one snapshot of."""

KEEP_DAILY = Setting("keep-daily", "7", values.count, "KEEP_DAILY")
"""How many days to keep one snapshot of."""

KEEP_WEEKLY = Setting("keep-weekly", "4", values.count, "KEEP_WEEKLY")
"""How many weeks to keep one snapshot of."""

KEEP_MONTHLY = Setting("keep-monthly", "12", values.count, "KEEP_MONTHLY")
"""How many months to keep one snapshot of."""

KEEP_YEARLY = Setting("keep-yearly", "0", values.count, "KEEP_YEARLY")
"""How many years to keep one snapshot of."""

KEEP_WITHIN = Setting("keep-within", "", values.within, "KEEP_WITHIN")
"""Keep every snapshot younger than this, such as ``30d``."""

FORGET = Setting("forget", "@daily", schedule.parse, "BACKUP_FORGET")
"""When retention is applied."""

RUN_NOW = Setting("run-now", "", str, "BACKUP_RUN_NOW")
"""Any new value starts a run."""

PAUSED = Setting("paused", "false", values.boolean, "BACKUP_PAUSED")
"""No runs while true; visible in status and metrics."""

RUN_AS = Setting("run-as", "", values.run_as)
"""User of the injected container; default: that of the container which mounts the volume."""

CPU_REQUEST = Setting("cpu-request", "1m", values.amount)
"""CPU request of the injected container."""

CPU_LIMIT = Setting("cpu-limit", "", values.cpu_limit)
"""CPU limit of the injected container; none by default."""

MEMORY_REQUEST = Setting("memory-request", "16Mi", values.amount)
"""Memory request of the injected container."""

MEMORY_LIMIT = Setting("memory-limit", "256Mi", values.memory_limit)
"""Memory limit of the injected container."""

ALL: tuple[Setting[Any], ...] = (
    ENABLED, SCHEDULE, TIMEZONE, VOLUMES, EXCLUDE, SECRET, NAME,
    KEEP_LAST, KEEP_HOURLY, KEEP_DAILY, KEEP_WEEKLY, KEEP_MONTHLY, KEEP_YEARLY, KEEP_WITHIN,
    FORGET, RUN_NOW, PAUSED, RUN_AS, CPU_REQUEST, CPU_LIMIT, MEMORY_REQUEST, MEMORY_LIMIT,
)  # fmt: skip
_KNOWN = {setting.annotation for setting in ALL} | {names.STATUS_ANNOTATION, names.INJECTED_LABEL}


class Settings:
    """The effective value of each setting, typed by its constant: ``settings[SCHEDULE]``."""

    def __init__(self, effective: Mapping[str, object], problems: tuple[Problem, ...]) -> None:
        self._effective = effective
        self.problems = problems

    def __getitem__(self, setting: Setting[T]) -> T:
        return cast("T", self._effective[setting.key])

    def get(self, setting: Setting[T]) -> T | None:
        """Return the value, or None where it is given nowhere and has no default."""
        return cast("T | None", self._effective.get(setting.key))

    def replaced(self, setting: Setting[T], value: T, problem: Problem) -> "Settings":
        """Return these with ``value`` for ``setting``, because of ``problem``."""
        return Settings({**self._effective, setting.key: value}, (*self.problems, problem))


def resolve(
    annotations: Mapping[str, object],
    variables: Mapping[str, str],
    defaults: Mapping[str, str],
    settings: Iterable[Setting[Any]] = ALL,
) -> Settings:
    """Return the effective settings and every problem met on the way.

    ``annotations`` are the pod's (full keys), ``variables`` the Secret's, ``defaults`` the chart's
    (keys without prefix). A setting without value and default has no entry.
    """
    effective: dict[str, object] = {}
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
            ("chart value", setting.key, defaults.get(setting.key)),
            ("default", setting.key, setting.default),
        ]
        rejected: list[Problem] = []
        for where, key, raw in layers:
            try:
                text = _text(raw)
                if not text:
                    continue
                effective[setting.key] = _parsed(setting, text)
            except ValueError as error:
                rejected.append(Problem(where, str(key), str(raw), str(error), ""))
            else:
                problems += [_with_used(problem, text) for problem in rejected]
                break
        else:
            problems += [_with_used(problem, "none") for problem in rejected]
    return Settings(effective, tuple(problems))


def _parsed(setting: Setting[Any], text: str) -> object:
    # Most values are defaults, and the same for every pod. Long ones would fill the memory.
    return _remembered(setting, text) if len(text) <= _SHOWN else setting.parse(text)


@lru_cache(1024)
def _remembered(setting: Setting[Any], text: str) -> object:
    return setting.parse(text)


def _text(raw: object) -> str:
    if raw is None:
        return ""
    if not isinstance(raw, str):
        shown = str(raw).lower() if isinstance(raw, bool) else raw
        raise ValueError(f'is not text, quote it: "{shown}"')  # noqa: TRY004 -- one kind of error
    return raw.strip()


def _with_used(problem: Problem, used: str) -> Problem:
    return Problem(problem.where, problem.key, problem.value, problem.reason, used)


def enabled(annotations: Mapping[str, object]) -> bool:
    """Return whether the pod asks for backups; raise ValueError where its text says neither."""
    raw = annotations.get(ENABLED.annotation)
    try:
        return ENABLED.parse(_text(raw) or ENABLED.default)
    except ValueError as error:
        problem = Problem("annotation", ENABLED.annotation, str(raw), str(error), "")
        raise ValueError(str(problem)) from None


def unknown(annotations: Mapping[str, object]) -> tuple[Problem, ...]:
    """Return a problem for each ``backup.*`` key that means nothing here, with a suggestion.

    Keys with a slash belong to other programs (``backup.velero.io/...``).
    """
    found: list[Problem] = []
    for key, value in sorted(annotations.items()):
        if not key.startswith(PREFIX) or "/" in key or key in _KNOWN:
            continue
        if len(found) == _UNKNOWN_TOLD:
            break
        close = get_close_matches(key, sorted(_KNOWN), n=1, cutoff=0.75)
        hint = f"did you mean {close[0]}?" if close else "it has no effect"
        found.append(Problem("annotation", key, str(value), f"no such setting, {hint}", ""))
    return tuple(found)
