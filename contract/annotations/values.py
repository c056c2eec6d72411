"""Parsers of setting values: each reads text, or raises ValueError with advice."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from contract.annotations import quantity
from contract.units import SECONDS

MEMORY_FLOOR = "64Mi"
CPU_FLOOR = "10m"
FLOORS = {"cpu": CPU_FLOOR, "memory": MEMORY_FLOOR}
"""The lowest limits with which backups work."""
DATABASES = ("postgres", "mysql", "redis")
COMMAND_DUMP = "command"
_ALSO_CALLED = {
    "postgresql": "postgres", "pg_dump": "postgres", "pg_dumpall": "postgres",
    "mariadb": "mysql", "mysqldump": "mysql", "mariadb-dump": "mysql", "valkey": "redis",
}  # fmt: skip
_LENGTH = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smh]?)")
SCRATCH_BOUND = "1Gi"
"""What cache, copies and scratch of a run may take of ephemeral storage."""


@dataclass(frozen=True, slots=True)
class RunAs:
    """Numeric user, and group where one was given, of the injected container."""

    user: int
    group: int | None


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump of one of DATABASES, or what ``words`` write to standard output."""

    name: str
    words: tuple[str, ...] = ()


def boolean(text: str) -> bool:
    """Return true/yes/on/1 as True and false/no/off/0 as False, in any case."""
    word = text.lower()
    if word in {"true", "yes", "on", "1"}:
        return True
    if word in {"false", "no", "off", "0"}:
        return False
    raise ValueError("write true or false")


def timezone(text: str) -> ZoneInfo:
    """Read an IANA time zone."""
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("write an IANA time zone such as Europe/Berlin") from None


def count(text: str) -> int:
    """Read a whole number, 0 or more."""
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise ValueError("write a whole number, 0 or more")
    return int(text)


def within(text: str) -> str:
    """Read a restic duration."""
    if not re.fullmatch(r"(?:[0-9]{1,5}[ymdh])+", text):
        raise ValueError("write a duration such as 30d or 1y6m")
    return text


def days(text: str) -> int:
    """Read a number of days."""
    if not re.fullmatch(r"[0-9]{1,5}d", text):
        raise ValueError("write days such as 7d; 0d means forever")
    return int(text[:-1])


def engine(text: str) -> str:
    """Read what makes backups."""
    if text not in {"restic", "rclone"}:
        raise ValueError("write restic or rclone")
    return text


def maintenance(text: str) -> str:
    """Read who maintains the repository."""
    if text.lower() not in {"own", "central"}:
        raise ValueError("write own or central")
    return text.lower()


def lines(text: str) -> tuple[str, ...]:
    """Read one item a line."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


_CLASS = r"\[\^?(?:(?:\\.|[^\\\]-])(?:-(?:\\.|[^\\\]-]))?)+\]"
_PATTERN = re.compile(rf"(?:[^\\\[]|\\.|{_CLASS})*", re.DOTALL)
_LONGEST_PATTERN = 4096  # characters, as of a path


def patterns(text: str) -> tuple[str, ...]:
    """Read one restic pattern a line; restic itself would back up nothing because of a bad one."""
    found = lines(text)
    for pattern in found:
        whole = all(_PATTERN.fullmatch(part) for part in pattern.removeprefix("!").split("/"))
        if not whole or "\0" in pattern or len(pattern) > _LONGEST_PATTERN:
            raise ValueError("write patterns such as *.tmp or cache/[0-9]*, each [ with its ]")
    return found


def words(text: str) -> tuple[str, ...]:
    """Read items separated by commas or white space."""
    return tuple(re.split(r"[,\s]+", text.strip(", \t\r\n")))


SQLITE_AUTO = ("auto",)
"""Stands for: find databases by what is in them."""


def databases(text: str) -> tuple[str, ...]:
    """Read ``auto``, ``off`` (no globs) or one glob a line, each relative to a volume's root."""
    word = text.strip().lower()
    if word in {"auto", "off"}:
        return SQLITE_AUTO if word == "auto" else ()
    found = lines(text)
    if any(glob.startswith("/") or ".." in glob.split("/") for glob in found):
        raise ValueError("write globs inside the volume, such as *.db or app/**/*.sqlite")
    return found


def command(text: str) -> tuple[str, ...]:
    """Read a command: a JSON list of words, or text for ``sh -c``."""
    if not text.startswith("["):
        return ("sh", "-c", text)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    words = isinstance(found, list) and all(isinstance(word, str) for word in found)
    if not words or not found or "\0" in "".join(found):
        raise ValueError('write a shell command, or a JSON list such as ["sync", "-f", "/data"]')
    return tuple(found)


def dump(text: str) -> tuple[Dump, ...]:
    """Read names of databases, or one command: a JSON list of words, or text for a shell.

    The shell is one that sees a failure in the middle of a pipe or of several lines.
    """
    found = words(text)
    known = [word for word in found if word in DATABASES]
    if len(known) == len(found):
        return tuple(Dump(word) for word in dict.fromkeys(known))
    first, *rest = text.split()
    meant = get_close_matches(first, (*DATABASES, *_ALSO_CALLED), n=1, cutoff=0.75)
    if known or (meant and not rest):
        hint = _ALSO_CALLED.get(meant[0], meant[0]) if meant else ""
        did = f"; did you mean {hint}?" if hint and not known else ""
        raise ValueError(f"write {', '.join(DATABASES)}, or one command instead{did}")
    shell = ("bash", "-e", "-o", "pipefail", "-c", text)
    return (Dump(COMMAND_DUMP, command(text) if text.startswith("[") else shell),)


def object_name(text: str) -> str:
    """Read the name of a Kubernetes object."""
    if not re.fullmatch(
        r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", text
    ):
        raise ValueError("write the name of a Secret in the pod's own namespace")
    return text


def host(text: str) -> str:
    """Read a restic host."""
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?", text):
        raise ValueError("write letters, digits, dots and dashes")
    return text


def restore(text: str) -> str:
    """Read when volumes are restored before a pod starts."""
    if text.lower() not in {"never", "if-empty", "required"}:
        raise ValueError("write never, if-empty or required")
    return text.lower()


def moment(text: str) -> str:
    """Read a time with its zone, or the beginning of a snapshot's id."""
    if re.fullmatch(r"[0-9a-f]{8,64}", text):
        return text
    try:
        if datetime.fromisoformat(text).tzinfo is not None:
            return text
    except ValueError:
        pass
    raise ValueError("write a time such as 2026-11-25T03:00:00Z, or a snapshot's id")


def origin(text: str) -> str:
    """Read the namespace and the restic host of another workload."""
    namespace, slash, name = text.partition("/")
    if not slash or not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", namespace):
        raise ValueError("write NAMESPACE/HOST, such as prod/wiki")
    return f"{namespace}/{host(name)}"


def run_as(text: str) -> RunAs:
    """Read ``UID``, ``UID:GID`` or ``root``."""
    if text == "root":
        return RunAs(0, None)
    match = re.fullmatch(r"([0-9]{1,10})(?::([0-9]{1,10}))?", text)
    if match is None or any(int(part) >= 2**31 for part in match.groups() if part):
        raise ValueError("write UID, UID:GID or root")
    return RunAs(int(match[1]), int(match[2]) if match[2] else None)


def amount(text: str) -> str:
    """Read a Kubernetes quantity, as it is written."""
    quantity.parse(text)
    return text


def memory_limit(text: str) -> str:
    """Read a quantity that a run can live with."""
    # Below this the container is killed before it runs, and with it the app's start.
    if quantity.parse(text) < quantity.parse(MEMORY_FLOOR):
        raise ValueError(f"write at least {MEMORY_FLOOR}: restic needs it to open a repository")
    return text


def cpu_limit(text: str) -> str:
    """Read a quantity that a run can live with."""
    if quantity.parse(text) < quantity.parse(CPU_FLOOR):
        raise ValueError(f"write at least {CPU_FLOOR}")
    return text


def seconds(text: str) -> float:
    """Return a length of time such as ``90``, ``90s``, ``15m`` or ``1h`` in seconds."""
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write 90s, 15m or 1h")
    return float(match[1]) * SECONDS[match[2] or "s"]
