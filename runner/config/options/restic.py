"""Options of restic in the Secret: those of backups, and those of every command. Pure.

Options that would change a snapshot's owner or destination, or prevent it, are dropped and
reported; the backup runs without them. Unknown options are passed to restic, which refuses them.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contract.annotations.settings import Problem
from contract.tags import is_ours
from contract.units import go_duration
from runner.config.options import flags
from runner.config.options.flags import Option

PARAMETERS = "RESTIC_ADDITIONAL_BACKUP_PARAMETERS"
OPTIONS = "RESTIC_OPTIONS"
SKIP = "--skip-if-unchanged"

_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:h|ms|m|s))+")


def _whole(text: str) -> str:
    return "" if re.fullmatch(r"[0-9]{1,9}", text) else "write a whole number of KiB/s"


def _pack(text: str) -> str:
    good = re.fullmatch(r"[0-9]{1,3}", text) and 4 <= int(text) <= 128
    return "" if good else "write 4 to 128 (MiB)"


def _mode(text: str) -> str:
    good = text in {"auto", "off", "fastest", "better", "max"}
    return "" if good else "write auto, off, fastest, better or max"


def _time(text: str) -> str:
    return "" if _DURATION.fullmatch(text) else "write a duration such as 5m"


def _extended(text: str) -> str:
    spaces = "azure|b2|gs|local|rclone|rest|s3|sftp|swift"
    good = re.fullmatch(rf"({spaces})\.[a-z0-9-]+=.*", text, re.DOTALL)
    return "" if good else f"write BACKEND.NAME=VALUE, BACKEND being one of {spaces}"


def _any(text: str) -> str:
    return "" if text else "has no value"


_GLOBAL: Mapping[str, Callable[[str], str]] = {
    "cacert": _any, "compression": _mode, "http-user-agent": _any, "key-hint": _any,
    "limit-download": _whole, "limit-upload": _whole, "option": _extended, "pack-size": _pack,
    "retry-lock": _time, "stuck-request-timeout": _time, "tls-client-cert": _any,
}  # fmt: skip
_GLOBAL_SWITCHES = {"cleanup-cache", "insecure-tls", "no-cache", "no-extra-verify"}
_NEEDLESS = {"json", "quiet"}  # runs parse JSON and keep their own log

_HOST = "would give the snapshot to another workload: use backup.name or RESTIC_HOSTNAME"
_PLACE = "applies to every command: set {} instead"
_STDIN = "would not back up any volume: use backup.dump"
_REFUSED = {
    "dry-run": "makes no snapshot: to try excludes, run `backup-runner restic backup --dry-run "
    "PATH`",
    "help": "makes no snapshot",
    "version": "makes no snapshot",
    "host": _HOST,
    "hostname": _HOST,
    "group-by": "has no effect: the parent is found by host and tags",
    "time": "would make retention treat the snapshot as old or as a future one",
    "parent": "restic takes the newest snapshot as parent; to read every file again, use --force",
    "stdin": _STDIN,
    "stdin-filename": _STDIN,
    "stdin-from-command": _STDIN,
    "repo": _PLACE.format("RESTIC_REPOSITORY"),
    "repository-file": _PLACE.format("RESTIC_REPOSITORY_FILE"),
    "password-file": _PLACE.format("RESTIC_PASSWORD_FILE"),
    "password-command": _PLACE.format("RESTIC_PASSWORD_COMMAND"),
    "insecure-no-password": "a repository without a password is not supported",
    "no-lock": "a concurrent prune would damage the backup",
    "cache-dir": _PLACE.format("RESTIC_CACHE_DIR"),
}
_SHOWN = {"dry-run", "help", "version", "host", "hostname", "group-by", "time", "parent"}


@dataclass(frozen=True, slots=True)
class Given:
    """The parsed options of the Secret.

    ``backup`` are words for ``restic backup``, ``every`` for each command of restic, ``patience``
    the seconds to wait for a lock, None where none are given; ``excludes`` are patterns that
    ``backup`` holds.
    """

    backup: tuple[str, ...] = ()
    every: tuple[str, ...] = ()
    patience: float | None = None
    excludes: tuple[str, ...] = ()

    @property
    def skips(self) -> bool:
        """Whether restic makes no snapshot where nothing has changed."""
        return SKIP in self.backup


def read(variables: Mapping[str, str], problems: list[Problem]) -> Given:
    """Return the options in the two variables of the Secret; an invalid one is a problem."""
    made = _Made(problems)
    for option in flags.options(_words(OPTIONS, variables, problems)):
        made.take_for_all(option)
    for option in flags.options(_words(PARAMETERS, variables, problems)):
        made.take(option)
    return Given(tuple(made.backup), tuple(made.every), made.patience, tuple(made.excludes))


def _words(key: str, variables: Mapping[str, str], problems: list[Problem]) -> list[str]:
    try:
        return shlex.split(variables.get(key, ""))
    except ValueError as error:
        problems.append(Problem("Secret variable", key, "", str(error).lower(), "none"))
        return []


class _Made:
    """The result of the options read so far."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.backup: list[str] = []
        self.every: list[str] = []
        self.excludes: list[str] = []
        self.patience: float | None = None

    def take_for_all(self, option: Option) -> None:
        """Take an option of RESTIC_OPTIONS."""
        if option.name in _GLOBAL or option.name in _GLOBAL_SWITCHES:
            self._globally(OPTIONS, option)
            return
        why = _REFUSED.get(option.name) or f"is not a global restic option: see {PARAMETERS}"
        self._refuse(OPTIONS, option, why)

    def take(self, option: Option) -> None:
        """Take an option of RESTIC_ADDITIONAL_BACKUP_PARAMETERS."""
        name = option.name
        switched_off = name in flags.SWITCHES and not _is_true(option.value)
        if name in _GLOBAL or name in _GLOBAL_SWITCHES:
            self._globally(PARAMETERS, option)
        elif name in _NEEDLESS or switched_off:
            if name == "skip-if-unchanged":
                self.backup = [word for word in self.backup if word != SKIP]
        elif name in _REFUSED:
            self._refuse(PARAMETERS, option, _REFUSED[name])
        elif name in flags.OF_BACKUP and not option.value:
            self._refuse(PARAMETERS, option, "has no value")
        elif name == "tag" and (ours := _our_tag(option.value or "")):
            self._refuse(PARAMETERS, option, f"{ours} is a reserved tag")
        else:
            self.backup += [SKIP] if name == "skip-if-unchanged" else option.words
            self.excludes += [option.value or ""] if name == "exclude" else []

    def _globally(self, key: str, option: Option) -> None:
        name, value = option.name, option.value
        if name in _GLOBAL_SWITCHES:
            self.every += [f"--{name}"] if _is_true(value) else []
        elif why := _GLOBAL[name](value or ""):
            self._refuse(key, option, why if value else "has no value")
        elif name == "retry-lock":
            self.patience = go_duration(value or "")
        else:
            self.every.append(f"--{name}={value}")

    def _refuse(self, key: str, option: Option, why: str) -> None:
        # Values may be secret; the name of an option that is known is not.
        shown = f"--{option.name}" if option.name else _unknown(option.words[0])
        if option.name in _SHOWN and option.value:
            shown += f"={option.value}"
        self.problems.append(Problem("Secret variable", key, shown, why, "the rest"))


def _unknown(word: str) -> str:
    """Return the name of an option that is unknown, without its value."""
    return word.partition("=")[0] if word.startswith("--") else word[:2] * word.startswith("-")


def _our_tag(value: str) -> str:
    return next((tag for tag in value.split(",") if is_ours(tag)), "")


def _is_true(value: str | None) -> bool:
    """Read a switch's value as restic does; an invalid one counts as on, and restic refuses it."""
    return value not in {"0", "f", "F", "false", "False", "FALSE"}
