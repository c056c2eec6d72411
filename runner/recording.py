"""Leaves this workload's retention in the repository, for the job that maintains it. Pure."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta

from runner import records
from runner.config import Config
from runner.conversation import Effect, Result
from runner.lists import array
from runner.outcome import Chored, Failure, Status
from runner.output import Completed
from runner.state import State
from runner.upkeep import failed

LEFT = "the maintenance job does it for all who share the repository"
_SHOWN = 200  # characters of a record that a message repeats
_ABSENT = timedelta(days=3)  # a daily job was prevented three times


def is_due(config: Config, state: State, now: float) -> bool:
    """Whether this workload has to say something that it has not said, or not for long."""
    said = records.wanted(config, state)
    if list(said) != state.recorded:
        return bool(said)
    return config.central and not 0 <= now - state.recorded_at < records.RENEWED


def record(config: Config, state: State, now: datetime) -> Generator[Effect, Result, Chored]:
    """Say what is to be kept, unless the repository knows it; remember that in ``state``."""
    said = records.wanted(config, state)
    if not state.recorded:  # this pod is new: another may have said it
        listed: Completed = yield records.listing()
        if listed.code or listed.stopped:
            return failed("reading the records", listed)
        mine = records.owner(config).path
        known = [r for r in records.found(array(listed.text), records.RETENTION) if r.path == mine]
        if not (known or config.central):
            state.recorded, state.recorded_at = list(said), now.timestamp()
            return Chored(Status.SUCCESS, "the maintenance job knows nothing of this workload")
        if known and set(known[-1].tags) == set(said):
            age = (now - known[-1].made).total_seconds()
            if 0 <= age < records.RENEWED or not config.central:
                state.recorded, state.recorded_at = list(said), known[-1].made.timestamp()
                return Chored(Status.SUCCESS, "the repository knows this workload's retention")
    done: Completed = yield records.write(config, said)
    if done.code or done.stopped:
        return failed("telling the maintenance job of this workload's retention", done)
    state.recorded, state.recorded_at = list(said), now.timestamp()
    return Chored(Status.SUCCESS, f"told the maintenance job: {' '.join(said[1:])}")


def left(config: Config, state: State, now: datetime) -> Generator[Effect, Result, Chored]:
    """Look whether somebody maintains the repository; a failure where that is long ago.

    A record of this workload that says something else was written by somebody else: the next run
    contradicts it.
    """
    listed: Completed = yield records.listing()
    if listed.code or listed.stopped:
        return failed("reading the records", listed)
    found = array(listed.text)
    if ran := records.found(found, records.MAINTENANCE):
        last = ran[-1].made
        when = f"it was here last at {last.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    else:
        told = records.found(found, records.RETENTION)
        last, when = (told[0].made if told else now), "it has never been here"
    mine, said = records.owner(config).path, records.wanted(config, state)
    ours = [each for each in records.found(found, records.RETENTION) if each.path == mine]
    if ours and state.recorded == list(said) and set(ours[-1].tags) != set(said):
        state.recorded_at = 0
        line = (
            f"{LEFT}; another pod or another member of the repository has written a record in this "
            f"workload's name, {' '.join(ours[-1].tags[1:])[:_SHOWN]}: the next run contradicts it"
        )
        return Chored(Status.FAILURE, line, Failure.CONFIG)
    if now - last <= _ABSENT:
        return Chored(Status.SKIPPED, f"{LEFT}; {when}")
    line = (
        f"left to a maintenance job, and {when}: give it this repository, or set "
        "BACKUP_MAINTENANCE=own in this Secret"
    )
    return Chored(Status.FAILURE, line, Failure.CONFIG)
