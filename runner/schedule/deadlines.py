"""Deadlines of runs and tasks, for alerts. Pure."""

from contract.annotations import settings
from runner.config.model import Config
from runner.schedule.due import CADENCES, central, is_left, maintained
from runner.state.model import State, Task
from runner.steps.outcome import Status

_DAY = 24 * 3600


def interval(config: Config, state: State) -> float:
    """Return the seconds between the next slot of the schedule and the one after; 0 if none."""
    if not state.runs.next_due:
        return 0
    # Between slots: a catch-up or a retry may come right before the next one.
    slot = _next_backup(config, state.runs.next_due - 1)
    return _next_backup(config, slot) - slot if slot else 0


def tasks(config: Config, state: State) -> dict[str, float]:
    """Return when each task should have come to a good end; 0 where none is expected of us.

    A task follows a backup: that counts which comes next after its own time.
    """
    if config.mirrors:
        return {"forget": _due("forget", config, state)}
    names = ["forget", "prune", "check", "verify"]
    if config.repository.second is not None:
        names += ["copy", "copy_forget", "copy_prune"]
    return {name: _due(name, config, state) for name in names}


def of_job(config: Config, state: State) -> dict[str, float]:
    """Return when each of the maintenance job's tasks should have come to a good end; 0: never.

    The job comes daily: that counts which follows a task's own time.
    """
    names = list(central(config))
    if not config.repository.second and state.repository.tasks.get("copy", Task()).status:
        names.append("copy")
    return {name: _of_job(name, config, state) for name in names}


def _of_job(name: str, config: Config, state: State) -> float:
    done = state.repository.tasks.get(name, Task()).success or state.job.began
    if name == "copy":
        return done + _DAY
    if state.repository.append_only and name in {"forget", "prune"}:
        return 0
    zone, identity = config.settings[settings.TIMEZONE], f"{config.identity.seed}/{name}"
    slot = config.settings[CADENCES[name]].next_after(done, zone, identity)
    return slot + _DAY if slot else 0


def _due(name: str, config: Config, state: State) -> float:
    task = state.repository.tasks.get(name, Task())
    left_to_others = task.status == Status.SKIPPED and not task.again
    if not state.runs.next_due or left_to_others or not _is_wanted(name, config, state):
        return 0
    if not task.success and not task.attempted:
        return state.runs.next_due
    if name == "copy":  # it follows every backup
        return _next_backup(config, task.success or task.attempted)
    slot = _slot(name, config, task)
    return _next_backup(config, slot) if slot else 0


def _is_wanted(name: str, config: Config, state: State) -> bool:
    if is_left(name, config):
        return False
    return name in {"verify", "copy"} or maintained(name, config, state)


def _slot(name: str, config: Config, task: Task) -> float:
    """Return the task's own slot: the first after its success, or that of its last attempt.

    After a manual attempt before any slot, such as in a new pod, it is the next slot.
    """
    cadence, zone = config.settings[CADENCES[name]], config.settings[settings.TIMEZONE]
    identity = f"{config.identity.seed}/{name}"
    if task.success or not task.status:
        return cadence.next_after(task.success or task.attempted, zone, identity) or 0
    tried_for = cadence.latest_until(task.attempted, zone, identity) or 0
    if tried_for < task.since:
        return cadence.next_after(task.since, zone, identity) or 0
    return tried_for


def _next_backup(config: Config, moment: float) -> float:
    schedule, zone = config.settings[settings.SCHEDULE], config.settings[settings.TIMEZONE]
    return schedule.next_after(moment, zone, config.identity.seed) or 0
