"""The dumps of a run, each a snapshot of its own beside that of the volumes. Pure."""

import re
from collections.abc import Generator
from dataclasses import dataclass, field, replace

from runner import repository, steps
from runner.config import Config
from runner.conversation import Effect, Result, failed
from runner.judge import Facts
from runner.outcome import Failure, Outcome, Status, size
from runner.output import Completed

_TROUBLE = re.compile(r"dump failed \((\w+)\): (.*)")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a dump, or another part of a run, came to nothing."""

    name: str
    failure: Failure
    message: str


@dataclass(frozen=True, slots=True)
class Dumped:
    """What became of the dumps: bytes of each that was ``made``, and what went wrong."""

    made: dict[str, int] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()
    initialised: bool = False
    stale: int = 0  # locks that were removed


NONE = Dumped()


def dump_all(config: Config, facts: Facts) -> Generator[Effect, Result, Dumped]:
    """Make every dump; one that fails hinders no other.

    Raises Ended where the run is to stop, or nothing can be written to the repository at all.
    """
    dumped = NONE
    for dump in config.dumps:
        had = facts.had_success or dumped.initialised
        done, initialised, stale = yield from repository.written(
            config, steps.dump(config, dump), replace(facts, had_success=had)
        )
        dumped = replace(
            dumped, initialised=dumped.initialised or initialised, stale=dumped.stale + stale
        )
        summary = done.message("summary")
        if not done.code and not done.stopped and summary.get("snapshot_id"):
            taken = int(summary.get("total_bytes_processed", 0))
            dumped = replace(dumped, made={**dumped.made, dump.name: taken})
        elif done.stopped in {"signal", "retrying"} or done.code == 12:
            raise failed(done, f"the dump of {dump.name} failed")
        else:
            dumped = replace(dumped, troubles=(*dumped.troubles, trouble(dump.name, done)))
    return dumped


def trouble_line(failure: Failure, message: str) -> str:
    """Return the line by which a dump's own process says why it failed."""
    return f"dump failed ({failure.value}): {message}"


def trouble(name: str, done: Completed) -> Trouble:
    """Return what a failed dump, or loading one, said, or else what restic said."""
    matches = [match for line in done.tail if (match := _TROUBLE.search(line))]
    if matches and not done.stopped:
        return Trouble(name, Failure(matches[-1][1]), matches[-1][2])
    return Trouble(name, done.failure, done.said)


def joined(config: Config, outcome: Outcome, dumped: Dumped, limit: float = 0) -> Outcome:
    """Return how the run ended: it is no success without every dump."""
    outcome = replace(outcome, initialised=outcome.initialised or dumped.initialised)
    if dumped.stale:
        outcome = replace(outcome, stale_locks=(outcome.stale_locks or 0) + dumped.stale)
    if not config.dumps:
        return outcome
    good = outcome.status in {Status.SUCCESS, Status.WARNING}
    if limit and good:
        line = f"{outcome.message}; there was no time for dumps, so this is no whole backup"
        return replace(outcome, status=Status.INTERRUPTED, message=line, failure=None)
    told = [f"dump of {name}: {size(taken)}" for name, taken in dumped.made.items()]
    told += [f"the dump of {each.name} failed: {each.message}" for each in dumped.troubles]
    message = "; ".join([*reversed(told), outcome.message])
    if not dumped.troubles or outcome.status == Status.INTERRUPTED:
        return replace(outcome, message=message)
    failure = outcome.failure if outcome.status == Status.FAILURE else dumped.troubles[0].failure
    return replace(outcome, status=Status.FAILURE, message=message, failure=failure)
