"""What is due at a moment, and when to look again. Pure; times are seconds since the epoch."""

from dataclasses import dataclass

from contract import settings
from contract.schedule import stable_hash
from runner.config import Config
from runner.outcome import Failure, Status
from runner.state import State

_RETRIES = (5 * 60, 15 * 60, 45 * 60)  # after the first, second, third failure in a row
_LONGEST_WAIT = 6 * 3600  # whatever goes wrong with clocks, state is looked at this often
CADENCES = {
    "forget": settings.FORGET, "prune": settings.PRUNE, "check": settings.CHECK,
    "verify": settings.VERIFY,
    "copy_forget": settings.FORGET, "copy_prune": settings.PRUNE,
}  # fmt: skip
LEFT = ("forget", "prune", "check", "copy", "copy_forget", "copy_prune")
"""What the maintenance job does for all, where it is not left to each sidecar."""
_DELETING = {"forget", "prune"}
_LONGEST_CHORE = 6 * 3600
_TRIES = 3  # of a chore that was stopped or found a lock, until it waits for its next slot
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
    if slot is None or slot <= _past(now, state.attempted) or slot == state.missed_slot:
        return
    share = stable_hash(f"{config.identity}/{config.pod}") % 1000 / 1000
    state.missed_slot = slot
    state.not_before = now + share * config.timing.catch_up


def due(now: float, config: Config, state: State, *, asked: bool = False) -> Due:
    """Return what to do at ``now``; ``asked`` is a signal or command to run at once."""
    if config.settings[settings.PAUSED]:
        return Due("", probe=False, next=now + _LONGEST_WAIT)
    why = "asked" if asked else _why(now, config, state)
    by_slot = not why and _slot_is_due(now, config, state)
    probe = by_slot and not state.derived
    return Due("schedule" if by_slot else why, probe=probe, next=_next(now, config, state))


def _why(now: float, config: Config, state: State) -> str:
    run_now = config.settings.get(settings.RUN_NOW)
    if run_now and run_now != state.run_now:
        return "run-now"
    retry = _retry_at(config, state)
    if retry is not None and now >= retry:
        return "retry"
    return ""


def _slot_is_due(now: float, config: Config, state: State) -> bool:
    slot = _latest_slot(now, config)
    if slot is None or slot <= _past(now, state.attempted):
        return False
    return now >= _wait_until(now, config, state)


def _past(now: float, moment: float) -> float:
    # A time that has not come yet was written by a clock that was set back since.
    return moment if moment <= now else 0


def _wait_until(now: float, config: Config, state: State) -> float:
    if state.missed_slot <= _past(now, state.attempted):
        return 0  # it was caught up, such as by a run that was asked for: later slots do not wait
    return state.not_before if state.not_before <= now + config.timing.catch_up else 0


def _latest_slot(now: float, config: Config) -> float | None:
    values = config.settings
    return values[settings.SCHEDULE].latest_until(now, values[settings.TIMEZONE], config.identity)


def _retry_at(config: Config, state: State) -> float | None:
    """Return when to try again after a run that came to nothing; None when there is no need."""
    if state.last is None or not 0 < state.failures <= len(_RETRIES):
        return None
    if not config.settings[settings.SCHEDULE].fields:
        return None
    return state.last.ended + _RETRIES[state.failures - 1]


def cured_by_secret(state: State, changed: float) -> bool:
    """Whether the Secret changed (at ``changed``) after a failure that it may have caused."""
    return (
        state.last is not None
        and state.last.status == Status.FAILURE
        and state.last.failure in _CURED_BY_SECRET
        and changed != state.secret_changed
    )


def _next(now: float, config: Config, state: State) -> float:
    upcoming = next_slot(now, config)
    candidates = [now + _LONGEST_WAIT]
    if upcoming is not None:
        candidates.append(upcoming)
    if (retry := _retry_at(config, state)) is not None:
        candidates.append(retry)
    slot = _latest_slot(now, config)
    if slot is not None and slot > _past(now, state.attempted):
        candidates.append(_wait_until(now, config, state))
    return max(now + 1, min(candidates))


def next_slot(now: float, config: Config) -> float | None:
    """Return the next scheduled time; None while off or paused."""
    values = config.settings
    if values[settings.PAUSED]:
        return None
    return values[settings.SCHEDULE].next_after(now, values[settings.TIMEZONE], config.identity)


def chore_is_due(name: str, now: float, config: Config, state: State) -> bool:
    """Whether a chore should follow a backup at ``now``."""
    if state.failures:
        return False
    if name == "copy":
        return True  # copying nothing costs little, and loses nothing
    if name != "verify" and not maintained(name, config, state):
        return False
    return has_come(name, now, config, state)


def has_come(name: str, now: float, config: Config, state: State) -> bool:
    """Whether a chore's own time has come since it was last tried."""
    chore, values = state.chore(name), config.settings
    slot = values[CADENCES[name]].latest_until(
        now, values[settings.TIMEZONE], f"{config.identity}/{name}"
    )
    if slot is None:
        return False
    return (chore.again and chore.tries < _TRIES) or slot > _past(now, chore.attempted)


def central(config: Config) -> tuple[str, ...]:
    """Return what of that there is to do: copies only where there is a second repository."""
    return tuple(name for name in LEFT if config.second or not name.startswith("copy"))


def is_left(name: str, config: Config) -> bool:
    """Whether a chore is left to the maintenance job."""
    return config.central and name in LEFT


def maintained(name: str, config: Config, state: State) -> bool:
    """Whether this workload is to do such a chore at all, at present."""
    left_to_others = state.append_only and name in _DELETING
    # What no index names any more, prune would take for unused, and repair could bring back.
    allowed = config.retention_enabled and not state.held and state.damage is None
    return allowed and not left_to_others and not is_left(name, config)


def time_for_chores(now: float, config: Config) -> float:
    """Return for how many seconds a chore may run: a backup that falls due goes first."""
    upcoming = next_slot(now, config)
    return _LONGEST_CHORE if upcoming is None else min(_LONGEST_CHORE, upcoming - now)
