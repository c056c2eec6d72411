"""One backup, and one forget, as conversations: they yield what to do next and get the result.

No process, clock or file is touched here: ``yield step`` receives a Completed, ``yield wait``
receives whether the run was told to stop; the end is an Outcome.
"""

import json
from collections.abc import Generator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from contract.schedule import stable_hash
from runner import steps
from runner.config import Config
from runner.judge import Facts, Source, worth
from runner.outcome import Counts, Failure, Forgotten, Outcome, Status
from runner.output import Completed
from runner.steps import Step, Wait

_STALE_LOCK = timedelta(minutes=30)

Effect = Step | Wait
Result = Any  # Completed for a Step, bool for a Wait


class _Ended(Exception):  # noqa: N818 -- not an error: the run is over, and this is how
    def __init__(
        self, status: Status, message: str, failure: Failure | None = None, exit_code: int = 0
    ) -> None:
        super().__init__(message)
        self.outcome = Outcome(status, message, failure, exit_code)


def backup(config: Config, facts: Facts) -> Generator[Effect, Result, Outcome]:
    """Back up everything that is there; judge what is not."""
    try:
        return (yield from _backup(config, facts))
    except _Ended as ended:
        return ended.outcome


def _backup(config: Config, facts: Facts) -> Generator[Effect, Result, Outcome]:
    sources = _sources(config, facts)
    if config.pre_hook:
        what = "PRE_HOOK failed, there was no backup"
        yield from _must(steps.pre_hook(config), what, Failure.CONFIG)
    if config.backup_command:
        yield from _must(steps.custom_backup(config), "RESTIC_BACKUP_COMMAND failed")
        line = "RESTIC_BACKUP_COMMAND succeeded; what it backed up is not known here"
        return Outcome(Status.SUCCESS, line, snapshot="unknown")
    step = steps.backup(config, sources)
    done: Completed = yield step
    initialised = False
    if done.code == 10 and not done.stopped:
        initialised = yield from _initialise(config, facts)
        done = yield step
    try:
        if done.code == 11 and not done.stopped:
            yield from _remove_stale_locks(facts.now)
            done = yield step
        outcome = _judged(facts, done)
    except _Ended as ended:
        outcome = ended.outcome
    return replace(outcome, initialised=initialised)


def _sources(config: Config, facts: Facts) -> tuple[str, ...]:
    """Return the folders that restic gets; without any, and without a repository, it is over."""
    if config.missing:
        raise _Ended(
            Status.FAILURE,
            f"{config.missing} is not set: put it into the Secret; there was no backup",
            Failure.CONFIG,
        )
    present = tuple(path for path, state in facts.sources.items() if state != Source.MISSING)
    if not present and not config.backup_command:
        line = f"missing: {', '.join(facts.sources)}" if facts.sources else "no folder to back up"
        raise _Ended(Status.FAILURE, f"{line}; there was no backup", Failure.SOURCE)
    return present


def _must(
    step: Step, what: str, failure: Failure | None = None
) -> Generator[Effect, Result, Completed]:
    """Run a step that the run cannot do without."""
    done: Completed = yield step
    if done.code or done.stopped:
        raise _failed(done, what, failure)
    return done


def _failed(done: Completed, what: str, failure: Failure | None = None) -> _Ended:
    if done.stopped == "signal":
        return _Ended(Status.INTERRUPTED, "stopped before it was done", None, done.code)
    return _Ended(Status.FAILURE, f"{what}: {done.said}", failure or done.failure, done.code)


def _initialise(config: Config, facts: Facts) -> Generator[Effect, Result, bool]:
    """Create the repository that restic says is not there; return False if another pod did."""
    if facts.had_success:
        line = (
            "the repository is gone: restic finds none where there was one; check "
            "RESTIC_REPOSITORY, and bring it back or remove the backup state to start anew"
        )
        raise _Ended(Status.FAILURE, line, Failure.CONFIG, 10)
    if not config.may_init:
        line = "there is no repository, and BACKUP_INIT=never forbids to create one"
        raise _Ended(Status.FAILURE, line, Failure.CONFIG, 10)
    # Simultaneous inits destroy a new repository: pods that share one wait differently long.
    share = stable_hash(f"{config.namespace}/{config.pod or config.host}") % 1000 / 1000
    if (yield Wait(share * config.timing.init_spread, "before creating the repository")):
        raise _Ended(Status.INTERRUPTED, "stopped before the repository was created")
    looked: Completed = yield steps.look()
    if looked.code == 0 and not looked.stopped:
        return False
    if looked.code != 10 or looked.stopped:
        raise _failed(looked, "the repository cannot be opened")
    yield from _must(steps.init(), "the repository cannot be created")
    try:
        yield from _prove_single_init()
    except _Ended as ended:
        ended.outcome = replace(ended.outcome, initialised=True)
        raise
    return True


def _prove_single_init() -> Generator[Effect, Result, None]:
    listed = yield from _must(steps.keys(), "the new repository cannot be opened")
    if len(_array(listed.text)) != 1:
        line = (
            "somebody else created this repository at the same time and it may be unusable; "
            "while it is empty, remove it: it is created anew"
        )
        raise _Ended(Status.FAILURE, line, Failure.CONFIG)


def _remove_stale_locks(now: datetime) -> Generator[Effect, Result, None]:
    """Remove the locks if every one of them is old; else the run is over.

    ``unlock`` takes a live lock of an equal host name elsewhere for stale, hence our own look.
    """
    listed: Completed = yield steps.locks()
    if listed.stopped:
        raise _failed(listed, "the locks cannot be read")
    identifiers = listed.text.split()
    old = bool(identifiers) and not listed.code
    for identifier in identifiers if old else ():
        read: Completed = yield steps.lock(identifier)
        if read.stopped:
            raise _failed(read, "a lock cannot be read")
        old = old and read.code == 0 and _is_old(read.text, now)
    if not old:
        raise _locked()
    yield from _must(steps.unlock(), "stale locks cannot be removed")


def _locked() -> _Ended:
    line = "the repository is locked by another run; this one is tried again later"
    return _Ended(Status.SKIPPED, line, Failure.LOCKED, 11)


def _is_old(text: str, now: datetime) -> bool:
    try:
        return now - datetime.fromisoformat(json.loads(text)["time"]) > _STALE_LOCK
    except (ValueError, KeyError, TypeError):
        return False


def _judged(facts: Facts, done: Completed) -> Outcome:
    """Return what a finished ``restic backup`` is worth."""
    if done.code == 11 and not done.stopped:
        raise _locked()
    summary = done.message("summary")
    snapshot = str(summary.get("snapshot_id", ""))
    if done.stopped or done.code not in {0, 3} or not snapshot:
        what = "the backup failed" if done.code else "restic made no snapshot"
        raise _failed(done, what)
    counts = Counts(
        new=int(summary.get("files_new", 0)),
        changed=int(summary.get("files_changed", 0)),
        unmodified=int(summary.get("files_unmodified", 0)),
        source_bytes=int(summary.get("total_bytes_processed", 0)),
        added_bytes=int(summary.get("data_added", 0)),
    )
    status, message, failure = worth(facts, done, counts)
    return Outcome(
        status=status,
        message=message,
        failure=failure,
        exit_code=done.code,
        snapshot=snapshot,
        counts=counts,
        unreadable=done.unreadable,
        read_errors=done.read_errors,
    )


def forget(config: Config) -> Generator[Effect, Result, Forgotten]:
    """Apply retention to this workload's snapshots, and to no others."""
    step = steps.forget(config)
    if step is None:
        return Forgotten(Status.SKIPPED, "every keep-* is 0: all snapshots are kept")
    done: Completed = yield step
    if done.stopped == "signal":
        return Forgotten(Status.INTERRUPTED, "stopped before it was done")
    if done.code == 11:
        return Forgotten(Status.SKIPPED, "the repository is locked", Failure.LOCKED)
    if done.code:
        return Forgotten(Status.FAILURE, f"retention failed: {done.said}", done.failure)
    groups = _array(done.text)
    removed = sum(len(group.get("remove") or []) for group in groups)
    kept = sum(len(group.get("keep") or []) for group in groups)
    return Forgotten(Status.SUCCESS, f"{removed} removed, {kept} kept", None, removed, kept)


def last_snapshot(config: Config) -> Generator[Effect, Result, datetime | None]:
    """Return when this workload's latest snapshot was made; None if none is known."""
    if config.missing:
        return None
    done: Completed = yield steps.snapshots(config)
    times = []
    for snapshot in _array(done.text):
        try:
            times.append(datetime.fromisoformat(snapshot["time"]))
        except (ValueError, KeyError, TypeError):
            continue
    return max(times, default=None)


def _array(text: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
