"""Records this workload's retention in the repository for the maintenance job. Pure."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta

from runner.config.model import Config
from runner.maintenance.retention import policy_records
from runner.restic.lists import of_snapshots
from runner.state.model import State
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from runner.steps.step import Effect, Result
from runner.steps.task import TaskResult, failed

LEFT = "the maintenance job does it for all workloads in the repository"
_SHOWN = 200  # characters of a record that a message repeats
_ABSENT = timedelta(days=3)  # a daily job was prevented three times


def is_due(config: Config, state: State, now: float) -> bool:
    """Whether this workload has a policy to publish that is new, or was published long ago."""
    said = policy_records.wanted(config, state)
    if list(said) != state.policy.recorded:
        return bool(said)
    return config.central and not 0 <= now - state.policy.recorded_at < policy_records.RENEWED


def record(config: Config, state: State, now: datetime) -> Generator[Effect, Result, TaskResult]:
    """Say what is to be kept, unless the repository knows it; remember that in ``state``."""
    said = policy_records.wanted(config, state)
    if not state.policy.recorded:  # this pod is new: another may have said it
        listed: Completed = yield policy_records.listing()
        if listed.code or listed.stopped:
            return failed("reading the records", listed)
        mine = policy_records.owner(config).path
        known = [
            r
            for r in policy_records.found(of_snapshots(listed.text), policy_records.RETENTION)
            if policy_records.path_of(r) == mine
        ]
        if not (known or config.central):
            state.policy.recorded, state.policy.recorded_at = list(said), now.timestamp()
            return TaskResult(Status.SUCCESS, "the maintenance job does not know this workload")
        if known and set(known[-1].tags) == set(said):
            age = (now - known[-1].time).total_seconds()
            if 0 <= age < policy_records.RENEWED or not config.central:
                policy = state.policy
                policy.recorded, policy.recorded_at = list(said), known[-1].time.timestamp()
                return TaskResult(Status.SUCCESS, "the repository knows this workload's retention")
    done: Completed = yield policy_records.write(config, said)
    if done.code or done.stopped:
        return failed("recording this workload's retention for the maintenance job", done)
    state.policy.recorded, state.policy.recorded_at = list(said), now.timestamp()
    return TaskResult(Status.SUCCESS, f"recorded for the maintenance job: {' '.join(said[1:])}")


def left(config: Config, state: State, now: datetime) -> Generator[Effect, Result, TaskResult]:
    """Check whether a job maintains the repository; a failure if that is long ago.

    A record of this workload that says something else was written by somebody else: the next run
    replaces it.
    """
    listed: Completed = yield policy_records.listing()
    if listed.code or listed.stopped:
        return failed("reading the records", listed)
    found = of_snapshots(listed.text)
    if ran := policy_records.found(found, policy_records.MAINTENANCE):
        last = ran[-1].time
        when = f"it last ran here at {last.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    else:
        told = policy_records.found(found, policy_records.RETENTION)
        last, when = (told[0].time if told else now), "it has never run here"
    mine, said = policy_records.owner(config).path, policy_records.wanted(config, state)
    ours = [
        each
        for each in policy_records.found(found, policy_records.RETENTION)
        if policy_records.path_of(each) == mine
    ]
    if ours and state.policy.recorded == list(said) and set(ours[-1].tags) != set(said):
        state.policy.recorded_at = 0
        line = (
            f"{LEFT}; another pod or another member of the repository has written a record in this "
            f"workload's name, {' '.join(ours[-1].tags[1:])[:_SHOWN]}: the next run replaces it"
        )
        return TaskResult(Status.FAILURE, line, Failure.CONFIG)
    if now - last <= _ABSENT:
        return TaskResult(Status.SKIPPED, f"{LEFT}; {when}")
    line = (
        f"left to a maintenance job, but {when}; run the job on this repository, or set "
        f"BACKUP_MAINTENANCE=own in this Secret"
    )
    return TaskResult(Status.FAILURE, line, Failure.CONFIG)
