"""What became of a run: one frozen object that log, metrics, messages and state are made from."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a run ended. Public: label of ``backup_status``."""

    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"


class Failure(StrEnum):
    """What a failure, warning or skip is about. Public: label of ``backup_failure``."""

    AUTH = "auth"
    NETWORK = "network"
    LOCKED = "locked"
    SOURCE = "source"
    SPACE = "space"
    MEMORY = "memory"
    CONFIG = "config"
    DUMP = "dump"
    REPOSITORY = "repository"
    RESTIC = "restic"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Counts:
    """What restic's summary says: files, bytes of the source, bytes added to the repository."""

    new: int = 0
    changed: int = 0
    unmodified: int = 0
    source_bytes: int = 0
    added_bytes: int = 0

    @property
    def files(self) -> int:
        """All files in the snapshot."""
        return self.new + self.changed + self.unmodified


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one backup run. ``message`` is one line for people and names the next step.

    ``stale_locks``: how many old ones it met, None where it did not get to the repository.
    ``unchanged``: ``snapshot`` is an earlier one, since which nothing has changed. ``left_out`` are
    the dumps that stand for files of the volumes.
    """

    status: Status
    message: str
    failure: Failure | None = None
    exit_code: int = 0
    snapshot: str = ""
    counts: Counts = Counts()
    unreadable: tuple[str, ...] = ()
    read_errors: int = 0
    initialised: bool = False
    shrunk: bool = False
    stale_locks: int | None = None
    unchanged: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def protected(self) -> bool:
        """Whether there is a snapshot that counts as a backup."""
        return self.status in {Status.SUCCESS, Status.WARNING} and bool(self.snapshot)

    @property
    def lost_files(self) -> bool:
        """Whether a source is not what it was, or not all there."""
        return self.shrunk or (self.status == Status.FAILURE and self.failure == Failure.SOURCE)


@dataclass(frozen=True, slots=True)
class Chored:
    """The end of one chore, such as forget. ``kept`` are this workload's snapshots, if known."""

    status: Status
    message: str
    failure: Failure | None = None
    removed: int = 0
    kept: int | None = None


def size(count: float) -> str:
    """Return a number of bytes as people write it."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
