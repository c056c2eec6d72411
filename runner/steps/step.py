"""The protocol of runs: conversations that yield the next step and receive its result.

No process, clock or file is touched here: ``yield step`` receives a Completed, ``yield wait``
receives whether the run was told to stop, ``yield count`` a number for each path, ``yield ages``
a time for each name, ``yield names`` a list, and ``yield judge`` what a dump is worth.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from contract.annotations import quantity, values
from runner.steps.outcome import Failure, Outcome, Status
from runner.steps.questions import Ages, Count, Judge, Names, Wait
from runner.steps.result import Completed

LARGEST = int(quantity.parse(values.SCRATCH_BOUND))


@dataclass(frozen=True, slots=True)
class Step:
    """A command to run. A ``hook`` is the user's own.

    ``limit``: seconds after which it is stopped, 0 for none. ``always``: run even after the request
    to stop, which then leaves it a few seconds. ``target``: "" is the repository, "second" the one
    that is copied to, "both" is for copying. ``hear`` gets each JSON message as it comes, where all
    of them would be too much to keep. ``lists``: its answer is a JSON array, or it has failed.
    ``options``: where in argv options that every command of restic gets go. ``logs_in``: a client
    of a database is below it, and needs its variables of the Secret; so do hooks. ``largest``: how
    many bytes a file that it writes may have where it is no hook; 0 for any, as for people's own.
    """

    name: str
    argv: tuple[str, ...]
    hook: bool = False
    limit: float = 0
    always: bool = False
    target: str = ""
    hear: Callable[[dict[str, Any]], None] | None = None
    lists: bool = False
    options: int = 1
    logs_in: bool = False
    largest: int = LARGEST

    def given(self, options: tuple[str, ...]) -> tuple[str, ...]:
        """Return its argv with these options of restic, where it is one of restic's."""
        if self.argv[0] != "restic" and self.options == 1:
            return self.argv
        return (*self.argv[: self.options], *options, *self.argv[self.options :])


Effect = Step | Wait | Ages | Count | Names | Judge
# Completed for a Step, bool for a Wait, a number by path or name for Count and Ages, names for
# Names, and a Judgement for a Judge.
Result = Any


class RunEnded(Exception):  # noqa: N818 -- not an error: the run is over, and this is how
    """Ends a conversation from anywhere in it, with this outcome."""

    def __init__(
        self, status: Status, message: str, failure: Failure | None = None, exit_code: int = 0
    ) -> None:
        super().__init__(message)
        self.outcome = Outcome(status, message, failure, exit_code)


def must(
    step: Step, what: str, failure: Failure | None = None
) -> Generator[Effect, Result, Completed]:
    """Run a step that the run cannot do without; raise RunEnded if it fails."""
    done: Completed = yield step
    if done.code or done.stopped:
        raise failed(done, what, failure)
    return done


def failed(done: Completed, what: str, failure: Failure | None = None) -> RunEnded:
    """Return the end of a run whose step failed; ``what`` names the step."""
    if done.stopped == "signal":
        return RunEnded(Status.INTERRUPTED, "stopped before completion", None, done.code)
    return RunEnded(Status.FAILURE, f"{what}: {done.said}", failure or done.failure, done.code)
