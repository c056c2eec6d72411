"""What survives a restart of the container."""

from dataclasses import dataclass, field
from typing import Any

from runner.policy import grace
from runner.policy.grace import Known
from runner.state.decoding import fitting

_TASKS_BEFORE = "chores"  # until November 2026; the maintenance job keeps its state for years


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
    """The trouble that a receiver was told of last, and when."""

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
class State:
    """Everything that is remembered. Times are epoch seconds, 0 stands for "never"."""

    # Runs: what is due, and how the last one ended.
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
    task: str = ""  # the maintenance task in progress
    # Sources: what they hold, and whether they lost files.
    full: list[str] | None = None  # paths that held files; None until a backup was good
    usual: tuple[int, int] | None = None  # files and bytes of the last one that had not shrunk
    left_out: list[str] | None = None  # dumps that stood for some of these files
    held: bool = False  # a source lost its files: retention waits
    accepted: bool = False  # somebody said that it was meant; until a good backup
    resumed: float = 0  # time: a mirror was made again after a gap longer than archives are kept
    # The repository, and what is done for it.
    tasks: dict[str, Task] = field(default_factory=dict)  # by name
    append_only: bool = False
    snapshots: int | None = None  # this workload's, without dumps
    stale_locks: int | None = None  # old ones that the last run met; None if unknown
    damage: Damage | None = None
    unread_locks: dict[str, float] = field(default_factory=dict)  # id: time first seen
    restic: str = ""  # its version, "" until asked since the container started
    cache: str = ""  # why restic's cache cannot be used, "" where it can
    # Reports.
    secret_changed: float = 0  # time
    notified: dict[str, News] = field(default_factory=dict)  # receivers told of a trouble, not over
    notify_failures: int = 0  # messages that could not be sent
    tally: Tally = field(default_factory=Tally)
    next_due: float = 0  # time
    good: dict[str, str] = field(default_factory=dict)  # annotation: its last valid value
    told: list[str] = field(default_factory=list)  # problems that were logged
    unmatched: dict[str, float] = field(default_factory=dict)  # exclude pattern: time, 0 if it does
    walked: float = 0  # time at which patterns were last compared with files
    notes: list[str] = field(default_factory=list)  # settings without effect
    shown: str = ""  # tells the status that the container's log had last from others
    # Retention, and its record for the maintenance job.
    recorded: list[str] = field(default_factory=list)  # tags of the record that was written last
    recorded_at: float = 0  # time
    # The maintenance job's own.
    began: float = 0  # time at which it first was there
    subset: int = 0  # part of the data that it read last, from 1
    workloads: dict[str, int] = field(default_factory=dict)  # verdict: how many
    # Retention that shrinks: of this workload, and of all that the job knows.
    retention: Known = grace.UNKNOWN
    admitted: dict[str, str] | None = None  # the policy in which no live annotation has a part
    policies: dict[str, Known] = field(default_factory=dict)  # by the path of their records
    shrinks: list[str] = field(default_factory=list)  # a line about each that waits
    number: int = 0  # of the job's states, of which the highest counts

    def of_task(self, name: str) -> Task:
        """Return what is known of a task."""
        return self.tasks.setdefault(name, Task())


def new(now: float, run_now: str) -> State:
    """Return the state of a pod that has none: what is weekly waits for its next slot."""
    weekly = ("prune", "check", "verify", "copy_prune")
    waiting = {name: Task(since=now, attempted=now) for name in weekly}
    return State(run_now=run_now, tasks=waiting)


def read(value: Any) -> State:  # noqa: ANN401 -- whatever the file holds
    """Return the state that a file holds; raise TypeError or ValueError if it is none."""
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    state = State(**fitting(State, value))
    if state.last is not None:
        state.last = Last(**fitting(Last, value["last"]))
    if state.usual is not None:
        files, total = state.usual
        state.usual = (int(files), int(total))
    if isinstance(state.tally, dict):
        state.tally = Tally(**fitting(Tally, state.tally))
    since = value.get("unmatched", {})
    state.unmatched = {each: at for each, at in since.items() if isinstance(at, int | float)}
    if state.damage is not None:
        state.damage = Damage(**fitting(Damage, value["damage"]))
    if isinstance(state.retention, dict):
        state.retention = grace.read(state.retention)
    state.policies = {path: grace.read(each) for path, each in value.get("policies", {}).items()}
    state.unread_locks = {name: float(at) for name, at in state.unread_locks.items()}
    state.tasks = {
        name: Task(**fitting(Task, task))
        for name, task in (value.get("tasks") or value.get(_TASKS_BEFORE) or {}).items()
        if isinstance(task, dict)
    }
    state.notified = {
        receiver: News(**fitting(News, news))
        for receiver, news in value.get("notified", {}).items()
        if isinstance(news, dict)
    }
    return state
