"""Timeouts of a run, in seconds. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from contract.annotations.settings import Problem
from contract.secret import variables


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds; defaults suit a cluster, tests and the demo shorten them."""

    catch_up: float = 900
    open_timeout: float = 120
    init_spread: float = 60
    init_settle: float = 10
    lock_patience: float = 120
    hook: float = 1800
    count: float = 1800
    restore: float = 60
    restore_pause: float = 5
    restore_stale: float = 60
    maintenance: float = 6 * 3600
    wait: float = 900


_DEFAULT = Timing()
_POLL, _POLL_DEFAULT = "BACKUP_POLL_SECONDS", "30"
_POLLED = re.compile(r"[1-9][0-9]{0,2}|0\.[1-9][0-9]?|0\.0[5-9]")
"""The pauses that supervise.sh takes too: no other wait is short enough to see a change in time,
and long enough not to be a busy loop."""


def read(
    environment: Mapping[str, str], secret: Mapping[str, str], problems: list[Problem]
) -> Timing:
    """Return the times of a run; what is no number of seconds is a problem, and the default.

    Those that the documentation names may stand in the Secret too. The process's own win: whoever
    starts one manually means that one.
    """
    poll = environment.get(_POLL, _POLL_DEFAULT)
    if not _POLLED.fullmatch(poll):
        why = "write seconds: 1 to 999, or 0.05 to 0.99"
        problems.append(Problem("variable", _POLL, poll, why, _POLL_DEFAULT))

    def seconds(key: str, default: float) -> float:
        where, text = "variable", environment.get(key, "").strip()
        if not text and key in variables.NAMES:
            where, text = "Secret variable", secret.get(key, "").strip()
        if not text or re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text):
            return float(text or default)
        problems.append(Problem(where, key, text, "write seconds", str(default)))
        return default

    return Timing(
        catch_up=seconds("BACKUP_CATCH_UP_SECONDS", _DEFAULT.catch_up),
        open_timeout=seconds("BACKUP_OPEN_TIMEOUT_SECONDS", _DEFAULT.open_timeout),
        init_spread=seconds("BACKUP_INIT_SPREAD_SECONDS", _DEFAULT.init_spread),
        init_settle=seconds("BACKUP_INIT_SETTLE_SECONDS", _DEFAULT.init_settle),
        lock_patience=seconds("BACKUP_LOCK_PATIENCE_SECONDS", _DEFAULT.lock_patience),
        hook=seconds("BACKUP_HOOK_SECONDS", _DEFAULT.hook),
        count=seconds("BACKUP_COUNT_SECONDS", _DEFAULT.count),
        restore=seconds("BACKUP_RESTORE_SECONDS", _DEFAULT.restore),
        restore_pause=seconds("BACKUP_RESTORE_PAUSE_SECONDS", _DEFAULT.restore_pause),
        restore_stale=seconds("BACKUP_RESTORE_STALE_SECONDS", _DEFAULT.restore_stale),
        maintenance=seconds("BACKUP_MAINTENANCE_SECONDS", _DEFAULT.maintenance),
        wait=seconds("BACKUP_WAIT_SECONDS", _DEFAULT.wait),
    )
