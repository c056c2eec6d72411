"""The digest of the backups since the last one. Pure."""

from datetime import UTC, datetime

from contract.annotations import settings
from contract.text import counted, printable
from contract.units import size
from runner.config.model import Config
from runner.state.model import State, Tally, Task
from runner.steps.outcome import Status

_ORDER = [status.value for status in Status]


def note(config: Config, state: State) -> None:
    """Count the last run; nothing is kept where no digest is wanted."""
    last, tally = state.runs.last, state.reports.tally
    if last is None or not config.settings[settings.DIGEST].fields:
        state.reports.tally = Tally()
        return
    tally.since = tally.since or last.started
    tally.runs[last.status] = tally.runs.get(last.status, 0) + 1
    tally.added_bytes += last.added_bytes
    if last.source_bytes:
        tally.first_bytes = tally.first_bytes or last.source_bytes
        tally.last_bytes = last.source_bytes


def is_due(config: Config, state: State, now: float) -> bool:
    """Whether a slot has passed since the tally began."""
    values = config.settings
    zone = values[settings.TIMEZONE]
    slot = values[settings.DIGEST].latest_until(now, zone, f"{config.identity.seed}/digest")
    return bool(state.reports.tally.runs) and slot is not None and slot > state.reports.tally.since


def begin_anew(state: State, now: float) -> None:
    """Count from now on."""
    state.reports.tally = Tally(since=now, first_bytes=state.reports.tally.last_bytes)


def title(config: Config) -> str:
    """Return what stands above it."""
    return printable(f"Backup digest: {config.identity.namespace}/{config.identity.host}")


def text(config: Config, state: State, now: float) -> str:
    """Return the digest: runs, growth, tasks, and problems."""
    tally = state.reports.tally
    counts = [f"{tally.runs[each]} {each}" for each in _ORDER if each in tally.runs]
    grown = tally.last_bytes - tally.first_bytes
    sign = "-" if grown < 0 else "+"
    lines = [
        f"{_day(tally.since)} to {_day(now)}",
        f"{counted(sum(tally.runs.values()), 'run')}: {', '.join(counts)}",
        f"last success: {_minute(state.runs.last_success, known=state.runs.derived)}",
        f"{size(tally.last_bytes)} backed up ({sign}{size(abs(grown))})",
        f"{size(tally.added_bytes)} added to the repository",
    ]
    if state.repository.snapshots is not None:
        lines.append(counted(state.repository.snapshots, "snapshot"))
    is_first = state.runs.derived and not state.runs.inherited
    lines += [
        _task(name, task, is_first=is_first)
        for name, task in sorted(state.repository.tasks.items())
        if task.status
    ]
    if state.sources.held:
        lines.append("retention is suspended: a source lost its files")
    lines += state.policy.shrinks
    lines += [f"problem: {problem}" for problem in config.problems]
    return "\n".join(map(printable, lines))


def _task(name: str, task: Task, *, is_first: bool) -> str:
    return f"{name}: {task.status}, last success {_minute(task.success, known=is_first)}"


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"


def _minute(moment: float, *, known: bool) -> str:
    """Return a time; ``known``: it is certain that a missing time means never."""
    if not moment:
        return "never" if known else "unknown yet"
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
