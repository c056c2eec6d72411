"""The result of a task: retention, prune, check, copy, drill or restore. Pure."""

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
    """Return the result of a task whose command failed."""
    if (
        done.must_not_delete
        and done.code != exit_codes.LOCKED
        and done.stopped not in {"signal", "time"}
    ):
        line = "the repository is append-only: its owner must run retention and prune"
        return TaskResult(Status.SKIPPED, line, Failure.AUTH)
    return failed(what, done) if done.code or done.stopped else None


def failed(what: str, done: Completed) -> TaskResult:
    """Return the result of a task whose command failed or was stopped."""
    if done.stopped == "signal":
        return TaskResult(Status.INTERRUPTED, "stopped before completion")
    if done.stopped == "time":
        line = "stopped: a backup fell due and takes precedence; schedule the task for another time"
        return TaskResult(Status.INTERRUPTED, line)
    if done.locked:
        return TaskResult(Status.SKIPPED, "the repository is locked", Failure.LOCKED)
    return TaskResult(Status.FAILURE, f"{what} failed: {done.said}", done.failure)
