"""Timeouts of a run, in seconds. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from contract import names
from contract.annotations.settings import Problem
from contract.secret import variables


@dataclass(frozen=True, slots=True)
class Restore:
    """Seconds of a restore before the pod starts."""

    tries: float = 60  # until its container ends, and Kubernetes starts it again
    pause: float = 5  # between the first and the second try
    stale: float = 60  # after which another pod's restore counts as abandoned


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds; defaults suit a cluster, tests and the demo shorten them."""

    catch_up: float = 900  # within which a missed run, and a first one, starts
    open_timeout: float = 120  # until a repository that does not answer is a failure
    init_spread: float = 60  # over which those spread that want to create the same repository
    init_settle: float = 10  # from its creation until it is looked at again
    lock_patience: float = 120  # for a lock that another process holds on the repository
    hook: float = 1800  # for a command of backup.pre or backup.post
    count: float = 1800  # for a mirror's source to be counted
    restore: Restore = Restore()
    maintenance: float = 6 * 3600  # for all that the maintenance job does at once
    wait: float = 900  # of a command that a person starts, for a run in progress
    grace: float = names.GRACE_SECONDS  # that the pod has to stop


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
        restore=Restore(
            tries=seconds("BACKUP_RESTORE_SECONDS", _DEFAULT.restore.tries),
            pause=seconds("BACKUP_RESTORE_PAUSE_SECONDS", _DEFAULT.restore.pause),
            stale=seconds("BACKUP_RESTORE_STALE_SECONDS", _DEFAULT.restore.stale),
        ),
        maintenance=seconds("BACKUP_MAINTENANCE_SECONDS", _DEFAULT.maintenance),
        wait=seconds("BACKUP_WAIT_SECONDS", _DEFAULT.wait),
        grace=_grace(environment, problems),
    )


def _grace(environment: Mapping[str, str], problems: list[Problem]) -> float:
    """Return the pod's grace period in seconds."""
    text = environment.get(names.ENV_GRACE, "").strip()
    if not text or re.fullmatch(r"[0-9]{1,9}", text):
        return float(text or names.GRACE_SECONDS)
    used = str(names.GRACE_SECONDS)
    problems.append(Problem("variable", names.ENV_GRACE, text, "write seconds", used))
    return float(used)
