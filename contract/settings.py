"""Every annotation as a documented constant; from annotations, Secret and chart to Settings.

The order is pod annotation, Secret variable, chart value, built-in default. A value that cannot
be used falls to the next of these and is named in a `Problem`: a typo never costs a backup.
This is the only reader of annotation text.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Generic, TypeVar, cast
from zoneinfo import ZoneInfo

from contract import names, quantity, schedule

PREFIX = "backup."
MEMORY_FLOOR = "64Mi"
CPU_FLOOR = "10m"
_SHOWN = 60  # characters of a bad value that a message repeats

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One setting: annotation ``backup.<key>``; ``variable`` in the Secret where it is live.

    ``parse`` turns text into the value and raises ValueError saying what to write instead.
    An empty text means "not given", in every layer.
    """

    key: str
    default: str
    parse: Callable[[str], T]
    variable: str | None = None

    @property
    def annotation(self) -> str:
        """The full annotation key."""
        return PREFIX + self.key

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


@dataclass(frozen=True, slots=True)
class RunAs:
    """Numeric user, and group where one was given, of the injected container."""

    user: int
    group: int | None


def boolean(text: str) -> bool:
    """Return true/yes/on/1 as True and false/no/off/0 as False, in any case."""
    word = text.lower()
    if word in {"true", "yes", "on", "1"}:
        return True
    if word in {"false", "no", "off", "0"}:
        return False
    raise ValueError("write true or false")


def _timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("write an IANA time zone such as Europe/Berlin") from None


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise ValueError("write a whole number, 0 or more")
    return int(text)


def _within(text: str) -> str:
    if not re.fullmatch(r"(?:[0-9]{1,5}[ymdh])+", text):
        raise ValueError("write a duration such as 30d or 1y6m")
    return text


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.split(r"[,\s]+", text.strip(", \t\r\n")))


def _object_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", text):
        raise ValueError("write the name of a Secret in the pod's own namespace")
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?", text):
        raise ValueError("write letters, digits, dots and dashes")
    return text


def _run_as(text: str) -> RunAs:
    if text == "root":
        return RunAs(0, None)
    match = re.fullmatch(r"([0-9]{1,10})(?::([0-9]{1,10}))?", text)
    if match is None or any(int(part) >= 2**31 for part in match.groups() if part):
        raise ValueError("write UID, UID:GID or root")
    return RunAs(int(match[1]), int(match[2]) if match[2] else None)


def _quantity(text: str) -> str:
    quantity.parse(text)
    return text


def _memory_limit(text: str) -> str:
    # Below this the container is killed before it runs, and with it the app's start.
    if quantity.parse(text) < quantity.parse(MEMORY_FLOOR):
        raise ValueError(f"write at least {MEMORY_FLOOR}: restic needs it to open a repository")
    return text


def _cpu_limit(text: str) -> str:
    if quantity.parse(text) < quantity.parse(CPU_FLOOR):
        raise ValueError(f"write at least {CPU_FLOOR}")
    return text


ENABLED = Setting("enabled", "false", boolean)
"""Whether the pod is backed up. Anything that is no boolean: not injected, with a warning."""

SCHEDULE = Setting("schedule", "H * * * *", schedule.parse, "BACKUP_SCHEDULE")
"""When backups run: five cron fields with ``H``, an ``@`` form, or ``off``."""

TIMEZONE = Setting("timezone", "UTC", _timezone, "BACKUP_TIMEZONE")
"""IANA time zone of all schedules; each local time runs once over a clock change."""

VOLUMES = Setting("volumes", "", _words)
"""Volume names, ``name:sub/path`` narrows one; default: every claim that a container mounts."""

EXCLUDE = Setting("exclude", "", _lines, "BACKUP_EXCLUDE")
"""restic exclude patterns, one a line; ``lost+found`` is always excluded."""

SECRET = Setting("secret", "backup-env-configuration", _object_name)
"""Secret in the pod's namespace with repository, password and the variables named here."""

NAME = Setting("name", "", _host)
"""The restic host; default: the workload's name. The Secret's variable is RESTIC_HOSTNAME."""

KEEP_LAST = Setting("keep-last", "1", _count, "KEEP_LAST")
"""How many of the latest snapshots to keep. All keep-* zero means: keep everything."""

KEEP_HOURLY = Setting("keep-hourly", "24", _count, "KEEP_HOURLY")
"""How many hours to keep one snapshot of."""

KEEP_DAILY = Setting("keep-daily", "7", _count, "KEEP_DAILY")
"""How many days to keep one snapshot of."""

KEEP_WEEKLY = Setting("keep-weekly", "4", _count, "KEEP_WEEKLY")
"""How many weeks to keep one snapshot of."""

KEEP_MONTHLY = Setting("keep-monthly", "12", _count, "KEEP_MONTHLY")
"""How many months to keep one snapshot of."""

KEEP_YEARLY = Setting("keep-yearly", "0", _count, "KEEP_YEARLY")
"""How many years to keep one snapshot of."""

KEEP_WITHIN = Setting("keep-within", "", _within, "KEEP_WITHIN")
"""Keep every snapshot younger than this, such as ``30d``."""

FORGET = Setting("forget", "@daily", schedule.parse, "BACKUP_FORGET")
"""When retention is applied."""

RUN_NOW = Setting("run-now", "", str, "BACKUP_RUN_NOW")
"""Any new value starts a run."""

PAUSED = Setting("paused", "false", boolean, "BACKUP_PAUSED")
"""No runs while true; visible in status and metrics."""

RUN_AS = Setting("run-as", "", _run_as)
"""User of the injected container; default: that of the container which mounts the volume."""

CPU_REQUEST = Setting("cpu-request", "1m", _quantity)
"""CPU request of the injected container."""

CPU_LIMIT = Setting("cpu-limit", "", _cpu_limit)
"""CPU limit of the injected container; none by default."""

MEMORY_REQUEST = Setting("memory-request", "16Mi", _quantity)
"""Memory request of the injected container."""

MEMORY_LIMIT = Setting("memory-limit", "256Mi", _memory_limit)
"""Memory limit of the injected container."""

ALL: tuple[Setting[Any], ...] = (
    ENABLED, SCHEDULE, TIMEZONE, VOLUMES, EXCLUDE, SECRET, NAME,
    KEEP_LAST, KEEP_HOURLY, KEEP_DAILY, KEEP_WEEKLY, KEEP_MONTHLY, KEEP_YEARLY, KEEP_WITHIN,
    FORGET, RUN_NOW, PAUSED, RUN_AS, CPU_REQUEST, CPU_LIMIT, MEMORY_REQUEST, MEMORY_LIMIT,
)  # fmt: skip
_KNOWN = {setting.annotation for setting in ALL} | {names.STATUS_ANNOTATION, names.INJECTED_LABEL}


class Settings:
    """The effective value of each setting, typed by its constant: ``settings[SCHEDULE]``."""

    def __init__(self, values: Mapping[str, object], problems: tuple[Problem, ...]) -> None:
        self._values = values
        self.problems = problems

    def __getitem__(self, setting: Setting[T]) -> T:
        return cast("T", self._values[setting.key])

    def get(self, setting: Setting[T]) -> T | None:
        """Return the value, or None where it is given nowhere and has no default."""
        return cast("T | None", self._values.get(setting.key))


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
    values: dict[str, object] = {}
    problems: list[Problem] = []
    for setting in settings:
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
                values[setting.key] = setting.parse(text)
            except ValueError as error:
                rejected.append(Problem(where, str(key), str(raw), str(error), ""))
            else:
                problems += [_with_used(problem, text) for problem in rejected]
                break
        else:
            problems += [_with_used(problem, "none") for problem in rejected]
    return Settings(values, tuple(problems))


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
    found = []
    for key, value in sorted(annotations.items()):
        if not key.startswith(PREFIX) or "/" in key or key in _KNOWN:
            continue
        close = get_close_matches(key, sorted(_KNOWN), n=1, cutoff=0.75)
        hint = f"did you mean {close[0]}?" if close else "it has no effect"
        found.append(Problem("annotation", key, str(value), f"no such setting, {hint}", ""))
    return tuple(found)
