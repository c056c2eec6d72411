"""What survives a restart of the container."""

from dataclasses import dataclass, field

from runner.policy import grace
from runner.policy.grace import Known


@dataclass(slots=True)
class Last:
    """The last backup run, as state, metrics and `status` know it. Times are epoch seconds."""

    started: float
    ended: float
    status: str
    message: str
    failure: str | None = None
    exit_code: int = 0
    snapshot: str = ""
    new: int = 0
    changed: int = 0
    unmodified: int = 0
    source_bytes: int = 0
    added_bytes: int = 0
    read_errors: int = 0
    unreadable: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Task:
    """What is known of retention, prune, check, verify or copy.

    ``again``: it was stopped, or found a lock; ``tries`` are those since it was not. ``since``:
    from when its own time counts, where it does not begin with the first backup.
    """

    since: float = 0
    attempted: float = 0
    success: float = 0
    status: str = ""
    message: str = ""
    again: bool = False
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Damage:
    """That the repository is damaged; ``deep``: not only what `restic check` looks at."""

    since: float
    message: str
    deep: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """The problem that a receiver was last notified of, and when."""

    trouble: str
    at: float


@dataclass(slots=True)
class Tally:
    """Runs by status, and bytes, since the last digest: of the source at both ends, and added."""

    since: float = 0
    runs: dict[str, int] = field(default_factory=dict)
    added_bytes: int = 0
    first_bytes: int = 0
    last_bytes: int = 0


@dataclass(slots=True)
class Runs:
    """What is due, and how the last run ended."""

    run_now: str  # the value of the annotation that asks for a run, as it was served
    derived: bool = False  # the repository was asked, so that what it knows is known here
    attempted: float = 0  # time: when slots were last served
    missed_slot: float = 0  # time of a slot that no run has served
    not_before: float = 0  # time before which no run is tried again
    running_since: float = 0  # time
    failures: int = 0  # runs without a success since the last one
    last: Last | None = None
    last_success: float = 0  # time
    inherited: bool = False  # there were backups before this state; the repository knows of them
    next_due: float = 0  # time


@dataclass(slots=True)
class Sources:
    """What the sources hold, and whether they lost files."""

    full: list[str] | None = None  # paths that held files; None until a backup was good
    usual: tuple[int, int] | None = None  # files and bytes of the last one that had not shrunk
    left_out: list[str] | None = None  # dumps that stood for some of these files
    held: bool = False  # a source lost its files: retention waits
    accepted: bool = False  # a user accepted the shrinkage; until a successful backup
    resumed: float = 0  # time: a mirror was made again after a gap longer than archives are kept


@dataclass(slots=True)
class Repository:
    """What is known of the repository, and what is done for it."""

    tasks: dict[str, Task] = field(default_factory=dict)  # by name
    task: str = ""  # the one in progress
    append_only: bool = False
    snapshots: int | None = None  # this workload's, without dumps
    stale_locks: int | None = None  # old ones that the last run met; None if unknown
    damage: Damage | None = None
    unread_locks: dict[str, float] = field(default_factory=dict)  # id: time first seen
    restic: str = ""  # its version, "" until asked since the container started
    cache: str = ""  # why restic's cache cannot be used, "" where it can

    def of_task(self, name: str) -> Task:
        """Return what is known of a task."""
        return self.tasks.setdefault(name, Task())


@dataclass(slots=True)
class Given:
    """What was seen of settings."""

    secret_changed: float = 0  # time
    good: dict[str, str] = field(default_factory=dict)  # annotation: its last valid value
    told: list[str] = field(default_factory=list)  # problems that were logged
    notes: list[str] = field(default_factory=list)  # settings without effect
    unmatched: dict[str, float] = field(default_factory=dict)  # exclude pattern: time, 0 if it does
    walked: float = 0  # time at which patterns were last compared with files


@dataclass(slots=True)
class Reports:
    """Delivered notifications and logged problems."""

    notified: dict[str, News] = field(
        default_factory=dict
    )  # receivers notified of a current problem
    notify_failures: int = 0  # messages that could not be sent
    tally: Tally = field(default_factory=Tally)
    shown: str = ""  # tells the status that the container's log had last from others


@dataclass(slots=True)
class Policy:
    """Retention that shrinks, and its record for the maintenance job."""

    retention: Known = grace.UNKNOWN
    admitted: dict[str, str] | None = None  # the policy in which no live annotation has a part
    shrinks: list[str] = field(default_factory=list)  # a line about each that waits
    recorded: list[str] = field(default_factory=list)  # tags of the record that was written last
    recorded_at: float = 0  # time


@dataclass(slots=True)
class Job:
    """What only the maintenance job remembers."""

    began: float = 0  # time at which it first was there
    subset: int = 0  # part of the data that it read last, from 1
    workloads: dict[str, int] = field(default_factory=dict)  # verdict: how many
    policies: dict[str, Known] = field(default_factory=dict)  # by the path of their records
    number: int = 0  # of the job's states, of which the highest counts


@dataclass(slots=True)
class State:
    """Everything that is remembered. Times are epoch seconds, 0 stands for "never"."""

    runs: Runs
    sources: Sources = field(default_factory=Sources)
    repository: Repository = field(default_factory=Repository)
    given: Given = field(default_factory=Given)
    reports: Reports = field(default_factory=Reports)
    policy: Policy = field(default_factory=Policy)
    job: Job = field(default_factory=Job)


def new(now: float, run_now: str) -> State:
    """Return the state of a pod that has none: what is weekly waits for its next slot."""
    weekly = ("prune", "check", "verify", "copy_prune")
    waiting = {name: Task(since=now, attempted=now) for name in weekly}
    return State(Runs(run_now), repository=Repository(tasks=waiting))
