"""What came of a task beside backups: retention, prune, check, a copy, a drill, a restore. Pure."""

from dataclasses import dataclass

from contract import exit_codes
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The end of one task, such as forget. ``kept`` are this workload's snapshots, if known."""

    status: Status
    message: str
    failure: Failure | None = None
    removed: int = 0
    kept: int | None = None


def unfinished(what: str, done: Completed) -> TaskResult | None:
    """Return what became of a task whose command came to no good end."""
    if (
        done.must_not_delete
        and done.code != exit_codes.LOCKED
        and done.stopped not in {"signal", "time"}
    ):
        line = "the repository is append-only: retention and prune are left to its owner"
        return TaskResult(Status.SKIPPED, line, Failure.AUTH)
    return failed(what, done) if done.code or done.stopped else None


def failed(what: str, done: Completed) -> TaskResult:
    """Return what became of a task whose command failed or was stopped."""
    if done.stopped == "signal":
        return TaskResult(Status.INTERRUPTED, "stopped before it was done")
    if done.stopped == "time":
        line = "stopped before it was done: a backup goes first; a later time may suit it better"
        return TaskResult(Status.INTERRUPTED, line)
    if done.locked:
        return TaskResult(Status.SKIPPED, "the repository is locked", Failure.LOCKED)
    return TaskResult(Status.FAILURE, f"{what} failed: {done.said}", done.failure)
