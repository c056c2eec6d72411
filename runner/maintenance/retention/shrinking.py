"""Delays shorter retention in a sidecar, because anyone who may patch a pod can request it.

What the pod was admitted with, the Secret and the chart say counts immediately: who writes those
has other ways to delete.
"""

import time
from dataclasses import replace

from contract.annotations import settings
from contract.annotations.settings import Settings
from runner.config.model import Config
from runner.policy import grace, keep_policy
from runner.policy.grace import Known
from runner.policy.keep_policy import EVERYTHING, Policy
from runner.session.session import Session

_ACCEPT = (
    "if it is wrong, correct the pod's annotations; if right, set them in the pod template or run "
    "`backup-runner accept --retention`"
)


def retained(session: Session) -> Config:
    """Return the configuration by which to forget now; note and log retention that shrinks."""
    config, state = session.config, session.state
    now, seconds = time.time(), config.maintenance.floor.grace
    asked, admitted = _policy(config, config.settings), _policy(config, config.maintenance.admitted)
    before = Known(admitted) if state.policy.retention.keeps is None else state.policy.retention
    before = replace(before, asked=state.policy.retention.asked, since=state.policy.retention.since)
    # Without a change of what it was admitted with, of the Secret or of the chart, it is one of
    # its annotations.
    is_admitted = state.policy.admitted is None or state.policy.admitted != admitted
    state.policy.admitted = dict(admitted)
    if is_admitted and keep_policy.covers(asked, admitted):
        keeps, state.policy.retention = asked, Known(asked)
    else:
        judged = grace.judge(before, asked, now, seconds)
        keeps, state.policy.retention = judged.keeps, judged.known
    waits = grace.says(state.policy.retention, seconds)
    shrinks = [f"{waits}; {_ACCEPT}"] if waits else []
    for line in shrinks:
        if line not in state.policy.shrinks:
            session.log.line("warning", line)
    state.policy.shrinks = shrinks
    apply = keep_policy.applied_to_archives if config.mirrors else keep_policy.applied
    return replace(config, settings=apply(config.settings, keeps))


def accept(session: Session) -> bool:
    """Let retention shrink now; return whether anything waited."""
    state = session.state
    if state.policy.retention.asked is None:
        return False
    state.policy.retention, state.policy.shrinks = Known(state.policy.retention.asked), []
    return True


def _policy(config: Config, values: Settings) -> Policy:
    """Return the keep policy of the sidecar itself with these settings."""
    leaves_all = not config.mirrors and values[settings.MAINTENANCE] == "central"
    if leaves_all or not config.maintenance.retention_enabled or not values[settings.FORGET].fields:
        return EVERYTHING
    return keep_policy.of_archives(values) if config.mirrors else keep_policy.of(values)
