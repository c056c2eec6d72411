"""The outcome of a run: one frozen object for log, metrics, notifications and state."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a run ended. Public: label of ``backup_status``."""

    SUCCESS = "success"
    """A snapshot of everything."""
    WARNING = "warning"
    """A snapshot, but not of everything, or with a failed hook or a shrunken source."""
    FAILURE = "failure"
    """No good snapshot, or a dump failed; the next run is earlier than the schedule."""
    INTERRUPTED = "interrupted"
    """The pod stopped during the run; nothing is lost."""
    SKIPPED = "skipped"
    """Another process holds the repository; the next run is earlier than the schedule."""


class Failure(StrEnum):
    """What a failure, warning or skip is about. Public: label of ``backup_failure``."""

    AUTH = "auth"
    """The storage or the repository rejects the credentials or the password."""
    NETWORK = "network"
    """The storage is unreachable, or answers with a server error."""
    LOCKED = "locked"
    """Another process holds a lock on the repository."""
    SOURCE = "source"
    """Files or volumes are missing, unreadable, or far fewer than before."""
    SPACE = "space"
    """The storage or the sidecar's own disk is full, or a quota is reached."""
    MEMORY = "memory"
    """The process ran out of memory: see ``backup.memory-limit``."""
    CONFIG = "config"
    """A setting, hook or repository path is wrong."""
    DUMP = "dump"
    """A dump lacks something that the database server has."""
    REPOSITORY = "repository"
    """The repository is damaged."""
    RESTIC = "restic"
    """restic failed for another reason, which the message quotes."""
    INTERNAL = "internal"
    """A bug in the runner. Please report it."""


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

    ``stale_locks``: how many old ones it met, None if it did not get to the repository.
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
