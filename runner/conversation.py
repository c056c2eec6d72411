"""What runs are made of: conversations that yield what to do next and get the result.

No process, clock or file is touched here: ``yield step`` receives a Completed, ``yield wait``
receives whether the run was told to stop, ``yield count`` a number for each path, ``yield ages``
a time for each name, ``yield names`` a list, and ``yield judge`` what a dump is worth.
"""

from collections.abc import Generator
from typing import Any

from runner.outcome import Failure, Outcome, Status
from runner.output import Completed
from runner.questions import Ages, Count, Judge, Names, Wait
from runner.steps import Step

Effect = Step | Wait | Ages | Count | Names | Judge
# Completed for a Step, bool for a Wait, a number by path or name for Count and Ages, names for
# Names, and a Judgement for a Judge.
Result = Any


class Ended(Exception):  # noqa: N818 -- not an error: the run is over, and this is how
    """Ends a conversation from anywhere in it, with this outcome."""

    def __init__(
        self, status: Status, message: str, failure: Failure | None = None, exit_code: int = 0
    ) -> None:
        super().__init__(message)
        self.outcome = Outcome(status, message, failure, exit_code)


def must(
    step: Step, what: str, failure: Failure | None = None
) -> Generator[Effect, Result, Completed]:
    """Run a step that the run cannot do without; raise Ended where it fails."""
    done: Completed = yield step
    if done.code or done.stopped:
        raise failed(done, what, failure)
    return done


def failed(done: Completed, what: str, failure: Failure | None = None) -> Ended:
    """Return the end of a run whose step came to nothing; ``what`` says so in words."""
    if done.stopped == "signal":
        return Ended(Status.INTERRUPTED, "stopped before it was done", None, done.code)
    return Ended(Status.FAILURE, f"{what}: {done.said}", failure or done.failure, done.code)
