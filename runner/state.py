"""What survives a restart of the container."""

from dataclasses import dataclass, field
from typing import Any

from runner import grace
from runner.decoding import fitting
from runner.grace import Known


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
class Chore:
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
    """Everything that is remembered. 0 stands for "never", times are epoch seconds.

    ``attempted`` is when slots were last served; unknown (``derived`` False) until the repository
    was asked. ``full`` are the sources that held files, None until a backup was good; ``usual``
    are files and bytes of the last snapshot that had not shrunk, and ``left_out`` the dumps that
    stood for some; None if unknown. While sources lost theirs,
    ``held`` is True; ``accepted`` from when somebody said that it was meant, until a good backup.
    ``resumed``: when a mirror was first made again after a gap longer than archives are kept.
    ``recorded`` is what it last told the maintenance job of its retention, and when.
    ``began`` to ``workloads`` are that job's own: when it first was there, what of the data it read
    last, and how many workloads' snapshots it applied retention to, or not.
    ``retention`` is what is known of this workload's own, ``admitted`` the policy that no live
    annotation has a part in, ``policies`` what the job knows of all
    by the path of their records, ``shrinks`` a line about each that waits. ``number`` counts the
    job's states.
    ``unmatched``: since when an exclude pattern matches nothing, 0 if it does, as of ``walked``.
    ``notes`` name settings without effect.
    ``inherited``: the repository had backups of this workload before this state began; it alone
    knows of them. ``task`` is the maintenance task in progress, "" for none.
    ``shown`` tells one status from another, as the container's log had it last.
    ``cache`` is why restic's cheap copy of the repository cannot be used, "" where it can.
    ``notified`` are receivers that were told of a trouble, and not yet that it is over. ``restic``
    is its version, "" until asked since the container started; ``stale_locks`` None if unknown.
    ``unread_locks`` says by id when a lock that cannot be read was first seen.
    """

    run_now: str
    derived: bool = False
    attempted: float = 0
    missed_slot: float = 0
    not_before: float = 0
    running_since: float = 0
    failures: int = 0
    last: Last | None = None
    last_success: float = 0
    inherited: bool = False
    task: str = ""
    full: list[str] | None = None
    usual: tuple[int, int] | None = None
    left_out: list[str] | None = None
    held: bool = False
    accepted: bool = False
    resumed: float = 0
    chores: dict[str, Chore] = field(default_factory=dict)
    append_only: bool = False
    snapshots: int | None = None
    stale_locks: int | None = None
    damage: Damage | None = None
    unread_locks: dict[str, float] = field(default_factory=dict)
    restic: str = ""
    cache: str = ""
    secret_changed: float = 0
    notified: dict[str, News] = field(default_factory=dict)
    notify_failures: int = 0
    tally: Tally = field(default_factory=Tally)
    next_due: float = 0
    good: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    unmatched: dict[str, float] = field(default_factory=dict)
    walked: float = 0
    notes: list[str] = field(default_factory=list)
    shown: str = ""
    recorded: list[str] = field(default_factory=list)
    recorded_at: float = 0
    began: float = 0
    subset: int = 0
    workloads: dict[str, int] = field(default_factory=dict)
    retention: Known = grace.UNKNOWN
    admitted: dict[str, str] | None = None
    policies: dict[str, Known] = field(default_factory=dict)
    shrinks: list[str] = field(default_factory=list)
    number: int = 0

    def chore(self, name: str) -> Chore:
        """Return what is known of a chore."""
        return self.chores.setdefault(name, Chore())


def new(now: float, run_now: str) -> State:
    """Return the state of a pod that has none: what is weekly waits for its next slot."""
    weekly = ("prune", "check", "verify", "copy_prune")
    waiting = {name: Chore(since=now, attempted=now) for name in weekly}
    return State(run_now=run_now, chores=waiting)


def read(value: Any) -> State:  # noqa: ANN401 -- whatever the file holds
    """Return the state that a file holds; raise TypeError or ValueError where it is none."""
    if not isinstance(value, dict):
        raise TypeError("no JSON object")
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
    state.chores = {
        name: Chore(**fitting(Chore, chore))
        for name, chore in value.get("chores", {}).items()
        if isinstance(chore, dict)
    }
    state.notified = {
        receiver: News(**fitting(News, news))
        for receiver, news in value.get("notified", {}).items()
        if isinstance(news, dict)
    }
    return state
