"""Pending shorter retention of workloads: stored, announced and accepted by the job."""

import shlex
from collections.abc import Iterable

from runner.maintenance.central.ruling import Ruling
from runner.policy import grace
from runner.process.log import Log
from runner.state.model import State


def accept(
    state: State, found: Iterable[Ruling], names: tuple[str, ...], log: Log
) -> tuple[str, ...]:
    """Apply pending shrinks of these workloads now; return those without one."""
    waiting = [each for each in found if each.known.asked is not None]
    for each in waiting:
        if str(each.owner) in names:
            state.job.policies[each.owner.path] = grace.Known(each.known.asked)
            log.line("info", f"{each.owner}: accepted its shorter retention")
    asking = {str(each.owner) for each in waiting}
    return tuple(name for name in names if name not in asking)


def announce(state: State, found: Iterable[Ruling], log: Log) -> None:
    """Save the policy of each workload, and report those that shrink."""
    found = list(found)
    state.job.policies = {each.owner.path: each.known for each in found}
    state.policy.shrinks = [_shrinks(each) for each in found if each.shrinks]
    for line in state.policy.shrinks:
        log.line("warning", line)


def _shrinks(ruling: Ruling) -> str:
    owner = str(ruling.owner)
    return (
        f"{owner}: {ruling.shrinks}; if that is wrong, correct its annotations or check who wrote "
        f"its record; if right, run `backup-runner maintain --accept {shlex.quote(owner)}`"
    )
