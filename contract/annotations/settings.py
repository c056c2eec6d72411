"""Every annotation as a documented constant, and suggestions for unknown annotations.

This and contract.annotations.resolution are the only readers of annotation text.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from contract import names
from contract.annotations import commands, resolution, schedule, values
from contract.annotations.resolution import PREFIX, Problem, Setting, Settings

__all__ = ["ALL", "PREFIX", "Problem", "Setting", "Settings", "enabled", "resolve", "unknown"]

_UNKNOWN_TOLD = 20  # unknown keys that are named; each costs a search for what was meant

ENABLED = Setting("enabled", "false", values.boolean)
"""``true``, ``yes``, ``on`` or ``1``: back this pod up. ``false``, ``no``, ``off`` or ``0``: do
not. Anything else: not, with a warning."""

SCHEDULE = Setting("schedule", "H * * * *", schedule.parse, "BACKUP_SCHEDULE")
"""When backups run: five cron fields, ``@hourly @daily @weekly @monthly``, or ``off``. ``H`` is a
minute (hour, day) derived from the workload, which spreads backups over time.
"""

TIMEZONE = Setting("timezone", "UTC", values.timezone, "BACKUP_TIMEZONE")
"""IANA time zone of all schedules, such as ``Europe/Berlin``; a clock change neither skips nor
repeats a run.
"""

VOLUMES = Setting("volumes", "", values.words)
"""Volume names; ``name:sub/path`` selects a folder. Default: every claim that a container mounts
(only the mounted folders if all mounts use ``subPath``). Other kinds of volumes only if named. A
symbolic link is followed, but never out of its volume.
"""

EXCLUDE = Setting("exclude", "", values.patterns, "BACKUP_EXCLUDE")
"""restic's exclude patterns, one per line (with the engine ``rclone``: rclone's); ``lost+found`` is
always excluded. Absolute patterns begin with ``/backup/VOLUME``; the status names a pattern that
matches nothing for a week.
"""

SECRET = Setting("secret", "backup-env-configuration", values.object_name)
"""Secret in the pod's namespace with repository, password and the variables named here."""

NAME = Setting("name", "", values.host)
"""The host in restic's snapshots. Default: the workload's name. The Secret's variable for it is
``RESTIC_HOSTNAME``; the annotation wins. Pods without a lasting owner, such as those of an Argo
Workflow or a Job, share their backups under one name; others never get another workload's."""

KEEP_LAST = Setting("keep-last", "1", values.count, "KEEP_LAST")
"""How many of the latest snapshots to keep. If all ``keep-*`` are zero, everything is kept."""

KEEP_HOURLY = Setting("keep-hourly", "24", values.count, "KEEP_HOURLY")
"""How many hourly snapshots to keep."""

KEEP_DAILY = Setting("keep-daily", "7", values.count, "KEEP_DAILY")
"""How many daily snapshots to keep."""

KEEP_WEEKLY = Setting("keep-weekly", "4", values.count, "KEEP_WEEKLY")
"""How many weekly snapshots to keep."""

KEEP_MONTHLY = Setting("keep-monthly", "12", values.count, "KEEP_MONTHLY")
"""How many monthly snapshots to keep."""

KEEP_YEARLY = Setting("keep-yearly", "0", values.count, "KEEP_YEARLY")
"""How many yearly snapshots to keep."""

KEEP_WITHIN = Setting("keep-within", "", values.within, "KEEP_WITHIN")
"""Keep every snapshot younger than this, such as ``30d``."""

KEEP_ARCHIVES = Setting("keep-archives", "7d", values.days, "KEEP_ARCHIVES")
"""How many days a mirror (engine ``rclone``) keeps changed and deleted files; ``0d``: forever."""

FORGET = Setting("forget", "@daily", schedule.parse, "BACKUP_FORGET")
"""When retention is applied."""

PRUNE = Setting("prune", "@weekly", schedule.parse, "BACKUP_PRUNE")
"""When the space of forgotten snapshots is freed. One of the workloads that share a repository does
it.
"""

CHECK = Setting("check", "@weekly", schedule.parse, "BACKUP_CHECK")
"""When the repository is checked. One of the workloads that share a repository does it."""

VERIFY = Setting("verify", "@weekly", schedule.parse, "BACKUP_VERIFY")
"""When a restore drill runs: a sample of the latest snapshot (at most 256 MiB) is restored into the
sidecar's scratch and compared with the live files that have not changed since; the latest dumps are
read completely.
"""

MAINTENANCE = Setting("maintenance", "own", values.maintenance, "BACKUP_MAINTENANCE")
"""Who applies retention, prunes, checks and copies: ``own``: the sidecars; ``central``: the
maintenance job.
"""

DIGEST = Setting("digest", "off", schedule.parse, "BACKUP_DIGEST")
"""When a digest is sent to all receivers of notifications, such as ``@weekly``: runs, growth,
drills and problems.
"""

RUN_NOW = Setting("run-now", "", str, "BACKUP_RUN_NOW")
"""Any new value starts a run."""

PAUSED = Setting("paused", "false", values.boolean, "BACKUP_PAUSED")
"""No runs while ``true``; status and metrics show it."""

ON_EXIT = Setting("on-exit", "false", values.boolean, "BACKUP_ON_EXIT")
"""One more backup when the pod stops, within its grace period; without hooks and dumps, and only if
the repository exists.
"""

SQLITE = Setting("sqlite", "auto", values.databases, "BACKUP_SQLITE")
"""Which SQLite files are copied consistently while the app writes: ``auto`` finds them by their
content; or globs, one per line, such as ``*.db`` or ``config/**/*.sqlite3``; or ``off``.
"""

PRE = Setting("pre", "", values.command)
"""A command in the sidecar before each backup: a JSON list of words, or text for a shell, at most
30 minutes. If it fails, no backup is made. The Secret's variable for it is ``PRE_HOOK``.
"""

POST = Setting("post", "", values.command)
"""A command after each backup, even a failed one. The Secret's variable for it is ``POST_HOOK``."""

ENGINE = Setting("engine", "restic", values.engine)
"""``restic`` makes snapshots; ``rclone`` keeps a mirror and dated archives of changes."""

DUMP = Setting("dump", "", values.dump)
"""``postgres``, ``mysql``, ``redis`` (several separated by spaces), or a command, whose output is
backed up as a separate snapshot. The Secret has the credentials.
"""

RESTORE = Setting("restore", "never", values.restore)
"""``if-empty``: restore empty volumes from the latest good backup before the pod starts;
``required``: wait if there is none; ``never``. An invalid word counts as ``if-empty``. Not with the
engine ``rclone``.
"""

RESTORE_AS_OF = Setting("restore-as-of", "", values.moment)
"""Restore the state at a time with zone, such as ``2026-11-25T03:00:00Z``, or a snapshot's id.
Default: the latest. With an invalid value the pod waits.
"""

RESTORE_FROM = Setting("restore-from", "", values.origin)
"""Restore backups of another workload: ``NAMESPACE/HOST``."""

RESTORE_COMMANDS = Setting("restore-commands", "", commands.allowed)
"""Variables of the Secret whose commands may run with writable volumes, such as
``RESTIC_PASSWORD_COMMAND``: in the init container of ``backup.restore`` and in the pods of
``kubectl backup restore``, which refuse them otherwise. Separated by commas or spaces.
"""

RUN_AS = Setting("run-as", "", values.run_as)
"""``UID``, ``UID:GID`` or ``root``. Default: the user of the container that mounts the volume."""

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
    KEEP_ARCHIVES, ENGINE,
    FORGET, PRUNE, CHECK, VERIFY, MAINTENANCE, DIGEST, RUN_NOW, PAUSED, ON_EXIT, SQLITE, PRE, POST,
    DUMP, RESTORE, RESTORE_AS_OF, RESTORE_FROM, RESTORE_COMMANDS, RUN_AS,
    CPU_REQUEST, CPU_LIMIT, MEMORY_REQUEST, MEMORY_LIMIT,
)  # fmt: skip
RETENTION: tuple[Setting[Any], ...] = (
    KEEP_LAST, KEEP_HOURLY, KEEP_DAILY, KEEP_WEEKLY, KEEP_MONTHLY, KEEP_YEARLY, KEEP_WITHIN,
    KEEP_ARCHIVES, FORGET, MAINTENANCE,
)  # fmt: skip
"""What decides which backups are deleted."""
_LONGEST_NAME = 32  # characters of a key that may be a setting's, mistyped
_KNOWN = {setting.annotation for setting in ALL} | {names.STATUS_ANNOTATION, names.INJECTED_LABEL}


def resolve(
    annotations: Mapping[str, object],
    variables: Mapping[str, str],
    defaults: Mapping[str, str],
    settings: Iterable[Setting[Any]] = ALL,
    last_good: Mapping[str, str] | None = None,
) -> Settings:
    """Return the effective settings, as `layers.resolve` finds them."""
    return resolution.resolve(annotations, variables, defaults, settings, last_good)


def enabled(annotations: Mapping[str, object]) -> bool:
    """Return whether the pod requests backups; raise ValueError if the value is invalid."""
    raw = annotations.get(ENABLED.annotation)
    try:
        return ENABLED.parse(resolution.text_of(raw) or ENABLED.default)
    except ValueError as error:
        problem = Problem("annotation", ENABLED.annotation, str(raw), str(error), "")
        raise ValueError(str(problem)) from None


def unknown(annotations: Mapping[str, object]) -> tuple[Problem, ...]:
    """Return a problem for each unknown key that is probably meant as ours, with a suggestion.

    That is each key under ``backup.``, and others that are nearly the name of a setting. Keys with
    a slash belong to other programs (``backup.velero.io/...``).
    """
    found: list[Problem] = []
    strange = [key for key in sorted(annotations) if key not in _KNOWN]
    ours = [key for key in strange if key.startswith(PREFIX) and "/" not in key]
    others = [key for key in strange if not key.startswith(PREFIX) and _may_be_meant(key)]
    for key in (*ours, *others[:_UNKNOWN_TOLD]):
        close = get_close_matches(_spelled(key), sorted(_KNOWN), 1, 0.75 if key in ours else 0.9)
        hint = f"did you mean {close[0]}?" if close else "it has no effect"
        if close or key in ours:
            value = str(annotations[key])
            found.append(Problem("annotation", key, value, f"no such setting, {hint}", ""))
        if len(found) == _UNKNOWN_TOLD:
            break
    return tuple(found)


def _may_be_meant(key: str) -> bool:
    """Whether a key without our prefix is probably a mistyped setting."""
    return key[:1] in "bB" and len(key) <= _LONGEST_NAME


def _spelled(key: str) -> str:
    """Return a key with the signs that names of settings have: ``backup_keep_daily``'s too."""
    return re.sub(r"[^a-z]+", ".", key.lower(), count=1).replace("_", "-")
