"""Creating the repository where there is none, and removing locks that nobody holds any more."""

import json
from collections.abc import Generator
from dataclasses import replace
from datetime import datetime, timedelta

from contract.schedule import stable_hash
from runner import steps
from runner.config import Config
from runner.conversation import Effect, Ended, Result, failed, must
from runner.outcome import Failure, Status
from runner.output import Completed, array
from runner.steps import Wait

_STALE_LOCK = timedelta(minutes=30)


def initialise(
    config: Config, *, had_success: bool, target: str = ""
) -> Generator[Effect, Result, bool]:
    """Create the repository that restic says is not there; return False if another pod did."""
    if had_success:
        line = (
            "the repository is gone: restic finds none where there was one; check "
            "RESTIC_REPOSITORY, and bring it back or remove the backup state to start anew"
        )
        raise Ended(Status.FAILURE, line, Failure.CONFIG, 10)
    if not config.may_init:
        line = "there is no repository, and BACKUP_INIT=never forbids to create one"
        raise Ended(Status.FAILURE, line, Failure.CONFIG, 10)
    # Simultaneous inits destroy a new repository: pods that share one wait differently long.
    share = stable_hash(f"{config.namespace}/{config.pod or config.host}") % 1000 / 1000
    if (yield Wait(share * config.timing.init_spread, "before creating the repository")):
        raise Ended(Status.INTERRUPTED, "stopped before the repository was created")
    looked: Completed = yield steps.look(target)
    if looked.code == 0 and not looked.stopped:
        return False
    if looked.code != 10 or looked.stopped:
        raise failed(looked, "the repository cannot be opened")
    yield from must(steps.init(target), "the repository cannot be created")
    try:
        yield from _prove_single_init(target)
    except Ended as ended:
        ended.outcome = replace(ended.outcome, initialised=True)
        raise
    return True


def _prove_single_init(target: str) -> Generator[Effect, Result, None]:
    listed = yield from must(steps.keys(target), "the new repository cannot be opened")
    if len(array(listed.text)) != 1:
        line = (
            "somebody else created this repository at the same time and it may be unusable; "
            "while it is empty, remove it: it is created anew"
        )
        raise Ended(Status.FAILURE, line, Failure.CONFIG)


def remove_stale_locks(now: datetime) -> Generator[Effect, Result, None]:
    """Remove the locks if every one of them is old; else the run is over.

    ``unlock`` takes a live lock of an equal host name elsewhere for stale, hence our own look.
    """
    listed: Completed = yield steps.locks()
    if listed.stopped:
        raise failed(listed, "the locks cannot be read")
    identifiers = listed.text.split()
    old = bool(identifiers) and not listed.code
    for identifier in identifiers if old else ():
        read: Completed = yield steps.lock(identifier)
        if read.stopped:
            raise failed(read, "a lock cannot be read")
        old = old and read.code == 0 and _is_old(read.text, now)
    if not old:
        raise locked()
    yield from must(steps.unlock(), "stale locks cannot be removed")


def locked() -> Ended:
    line = "the repository is locked by another run; this one is tried again later"
    return Ended(Status.SKIPPED, line, Failure.LOCKED, 11)


def _is_old(text: str, now: datetime) -> bool:
    try:
        return now - datetime.fromisoformat(json.loads(text)["time"]) > _STALE_LOCK
    except (ValueError, KeyError, TypeError):
        return False
