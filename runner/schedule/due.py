"""What is due now, and when to check again. Pure; times are seconds since the epoch."""

from dataclasses import dataclass

from contract.annotations import settings
from contract.annotations.schedule import stable_hash
from runner.config.model import Config
from runner.state.model import State
from runner.steps.outcome import Failure, Status

_RETRIES = (5 * 60, 15 * 60, 45 * 60)  # after the first, second, third failure in a row
_LONGEST_WAIT = 6 * 3600  # the state is checked this often, even if clocks are wrong
CADENCES = {
    "forget": settings.FORGET, "prune": settings.PRUNE, "check": settings.CHECK,
    "verify": settings.VERIFY,
    "copy_forget": settings.FORGET, "copy_prune": settings.PRUNE,
}  # fmt: skip
LEFT = ("forget", "prune", "check", "copy", "copy_forget", "copy_prune")
"""The tasks that the maintenance job does for all workloads."""
_DELETING = {"forget", "prune"}
_LONGEST_TASK = 6 * 3600
_TRIES = 3  # of a task that was stopped or found a lock, until it waits for its next slot
_CURED_BY_SECRET = {Failure.AUTH.value, Failure.CONFIG.value, Failure.NETWORK.value}


@dataclass(frozen=True, slots=True)
class Due:
    """``backup`` says why one is due now ("" if not); ``probe``: if the repository agrees."""

    backup: str
    probe: bool
    next: float


def remember_start(now: float, config: Config, state: State) -> None:
    """Note at a start that a slot passed meanwhile: it is caught up, each pod at its own time."""
    slot = _latest_slot(now, config)
    if slot is None or slot <= _past(now, state.runs.attempted) or slot == state.runs.missed_slot:
        return
    # A container that restarts again and again does not put off what it announced.
    announced = _past(now, state.runs.attempted) < state.runs.missed_slot and (
        now <= state.runs.not_before <= now + config.timing.catch_up
    )
    state.runs.missed_slot = slot
    if not announced:
        share = stable_hash(f"{config.identity.seed}/{config.identity.pod}") % 1000 / 1000
        state.runs.not_before = now + share * config.timing.catch_up


def due(now: float, config: Config, state: State, *, asked: bool = False) -> Due:
    """Return what to do at ``now``; ``asked`` is a signal or command to run immediately."""
    if config.settings[settings.PAUSED]:
        return Due("", probe=False, next=now + _LONGEST_WAIT)
    found = _moments(now, config, state)
    why = "asked" if asked else next((why for why, at in found.items() if at <= now), "")
    upcoming = min([*found.values(), now + _LONGEST_WAIT])
    probe = why == "schedule" and not state.runs.derived
    return Due(why, probe=probe, next=max(now + 1, upcoming))


def next_run(now: float, config: Config, state: State) -> float | None:
    """Return when the next run begins: ``now`` where one is due, None while off or paused.

    It is the moment that `due` waits for: that of a slot, a catch-up or a retry.
    """
    if config.settings[settings.PAUSED]:
        return None
    found = _moments(now, config, state)
    return max(now, min(found.values())) if found else None


def _moments(now: float, config: Config, state: State) -> dict[str, float]:
    """Return the time from which each reason for a run applies, the most urgent one first."""
    run_now = config.settings.get(settings.RUN_NOW)
    moments = {
        "run-now": now if run_now and run_now != state.runs.run_now else None,
        "retry": _retry_at(config, state),
        "schedule": _slot_at(now, config, state),
    }
    return {why: at for why, at in moments.items() if at is not None}


def _slot_at(now: float, config: Config, state: State) -> float | None:
    """Return when the next slot is run; a slot that precedes a catch-up is run in time.

    One run covers every slot before it, so that such a slot is the catch-up as well.
    """
    slot, upcoming = _latest_slot(now, config), next_slot(now, config)
    if slot is None or slot <= _past(now, state.runs.attempted):
        return upcoming
    runs = state.runs
    spread = slot <= runs.missed_slot and runs.not_before <= now + config.timing.catch_up
    at = runs.not_before if spread else slot
    return at if upcoming is None else min(at, upcoming)


def _past(now: float, moment: float) -> float:
    # A time that has not come yet was written by a clock that was set back since.
    return moment if moment <= now else 0


def _latest_slot(now: float, config: Config) -> float | None:
    values = config.settings
    seed = config.identity.seed
    return values[settings.SCHEDULE].latest_until(now, values[settings.TIMEZONE], seed)


def _retry_at(config: Config, state: State) -> float | None:
    """Return when to retry after a failed run; None if there is no need."""
    if state.runs.last is None or not 0 < state.runs.failures <= len(_RETRIES):
        return None
    if not config.settings[settings.SCHEDULE].fields:
        return None
    return state.runs.last.ended + _RETRIES[state.runs.failures - 1]


def cured_by_secret(state: State, changed: float) -> bool:
    """Whether the Secret changed (at ``changed``) after a failure that it may have caused."""
    return (
        state.runs.last is not None
        and state.runs.last.status == Status.FAILURE
        and state.runs.last.failure in _CURED_BY_SECRET
        and changed != state.given.secret_changed
    )


def next_slot(now: float, config: Config) -> float | None:
    """Return the next slot of the schedule; None while off or paused."""
    values = config.settings
    if values[settings.PAUSED]:
        return None
    seed = config.identity.seed
    return values[settings.SCHEDULE].next_after(now, values[settings.TIMEZONE], seed)


def task_is_due(name: str, now: float, config: Config, state: State) -> bool:
    """Whether a task should follow a backup at ``now``."""
    if state.runs.failures:
        return False
    if name == "copy":
        return True  # copying nothing costs little, and loses nothing
    if name != "verify" and not maintained(name, config, state):
        return False
    return has_come(name, now, config, state)


def has_come(name: str, now: float, config: Config, state: State) -> bool:
    """Whether a task's own time has come since it was last tried."""
    task, values = state.repository.of_task(name), config.settings
    slot = values[CADENCES[name]].latest_until(
        now, values[settings.TIMEZONE], f"{config.identity.seed}/{name}"
    )
    if slot is None:
        return False
    return (task.again and task.tries < _TRIES) or slot > _past(now, task.attempted)


def central(config: Config) -> tuple[str, ...]:
    """Return which of these tasks apply: copies only with a second repository."""
    return tuple(name for name in LEFT if config.repository.second or not name.startswith("copy"))


def is_left(name: str, config: Config) -> bool:
    """Whether a task is left to the maintenance job."""
    return config.central and name in LEFT


def maintained(name: str, config: Config, state: State) -> bool:
    """Whether this workload is to do such a task at all, at present."""
    left_to_others = state.repository.append_only and name in _DELETING
    # What no index names any more, prune would take for unused, and repair could bring back.
    whole = not state.sources.held and state.repository.damage is None
    allowed = config.maintenance.retention_enabled and whole
    return allowed and not left_to_others and not is_left(name, config)


def time_for_tasks(now: float, config: Config) -> float:
    """Return for how many seconds a task may run: a backup that falls due goes first."""
    upcoming = next_slot(now, config)
    return _LONGEST_TASK if upcoming is None else min(_LONGEST_TASK, upcoming - now)
