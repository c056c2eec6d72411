"""The dumps of a run, each in a separate snapshot. Pure."""

import re
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any

from contract import exit_codes
from contract.annotations.values import COMMAND_DUMP
from contract.snapshots import DOUBTFUL
from contract.units import size
from runner.config.model import Config
from runner.config.redaction.mask import heard
from runner.databases.inventory import Judgement
from runner.restic import commands
from runner.restic.repository import init
from runner.steps.evaluate import Facts, Source
from runner.steps.outcome import Failure, Outcome, Status
from runner.steps.questions import Judge
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, failed

_TROUBLE = re.compile(r"dump failed \((\w+)\): (.*)")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a dump, or another part of a run, failed."""

    name: str
    failure: Failure
    message: str


@dataclass(frozen=True, slots=True)
class Dumped:
    """The result of the dumps: bytes of each that was ``made``, and what went wrong.

    ``raw`` are restic patterns of the files that those of ``left_out`` stand for.
    """

    made: dict[str, int] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()
    raw: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    initialised: bool = False
    stale: int = 0  # locks that were removed


NONE = Dumped()


def dump_all(config: Config, facts: Facts) -> Generator[Effect, Result, Dumped]:
    """Make every dump, even if one fails.

    Raises RunEnded if the run is to stop, or nothing can be written to the repository at all.
    """
    dumped = NONE
    for dump in config.commands.dumps:
        had = facts.had_success or dumped.initialised
        written = yield from init.written(
            config, commands.dump(config, dump), replace(facts, had_success=had)
        )
        dumped = replace(
            dumped,
            initialised=dumped.initialised or written.initialised,
            stale=dumped.stale + written.stale,
        )
        done = written.done
        summary = done.message("summary")
        taken = int(summary.get("total_bytes_processed", 0))
        if not done.code and not done.stopped and summary.get("snapshot_id") and taken:
            dumped = replace(dumped, made={**dumped.made, dump.name: taken})
            if dump.name != COMMAND_DUMP:
                dumped = yield from _compared(config, facts, dumped, dump.name, summary)
        elif done.stopped in {"signal", "retrying"} or done.code == exit_codes.WRONG_PASSWORD:
            raise failed(done, f"the dump of {dump.name} failed")
        elif not done.code and not done.stopped:
            empty = Trouble(dump.name, Failure.SOURCE, "restic has no snapshot of it")
            dumped = replace(dumped, troubles=(*dumped.troubles, empty))
        else:
            bad = trouble(dump.name, done)
            bad = replace(bad, message=f"the dump of {dump.name} failed: {bad.message}")
            dumped = replace(dumped, troubles=(*dumped.troubles, bad))
    return dumped


def _compared(
    config: Config, facts: Facts, dumped: Dumped, name: str, summary: dict[str, Any]
) -> Generator[Effect, Result, Dumped]:
    """Compare a dump with its server and the volumes; mark it where it is incomplete."""
    unread = {Source.MISSING, Source.REFUSED}
    sources = tuple(path for path, state in facts.sources.items() if state not in unread)
    found: Judgement = yield Judge(name, sources)
    lines = list(found.others)
    if found.gaps:
        lines.insert(0, f"the dump of {name} is incomplete: {'; '.join(found.gaps)}")
        snapshot = str(summary["snapshot_id"])
        done: Completed = yield commands.mark_doubtful(config, snapshot, 0)
        if done.code or done.stopped:
            lines.append(f"its snapshot cannot be marked as {DOUBTFUL}: {done.said}")
    if found.raw:
        left_out = (*dumped.left_out, name)
        dumped = replace(dumped, raw=(*dumped.raw, *found.raw), left_out=left_out)
    if not lines:
        return dumped
    made = {each: taken for each, taken in dumped.made.items() if each != name or not found.gaps}
    trouble = Trouble(name, Failure.DUMP, "; ".join(lines))
    return replace(dumped, made=made, troubles=(*dumped.troubles, trouble))


def trouble_line(failure: Failure, message: str) -> str:
    """Return the line by which a dump's own process says why it failed."""
    return f"dump failed ({failure.value}): {message}"


def trouble(name: str, done: Completed) -> Trouble:
    """Return the message of a failed dump or load, or else that of restic."""
    matches = [(match, line) for line in done.tail if (match := _TROUBLE.search(heard(line)))]
    if matches and not done.stopped:
        match, line = matches[-1]
        return Trouble(name, Failure(match[1]), line.partition("): ")[2] or line)
    return Trouble(name, done.failure, done.said)


def joined(config: Config, outcome: Outcome, dumped: Dumped, limit: float = 0) -> Outcome:
    """Return the outcome of the run; it is a success only with every dump."""
    outcome = replace(outcome, initialised=outcome.initialised or dumped.initialised)
    if dumped.stale:
        outcome = replace(outcome, stale_locks=(outcome.stale_locks or 0) + dumped.stale)
    if not config.commands.dumps:
        return outcome
    good = outcome.status in {Status.SUCCESS, Status.WARNING}
    if limit and good:
        line = (
            f"{outcome.message}; the grace period left no time for dumps, this backup is incomplete"
        )
        return replace(outcome, status=Status.INTERRUPTED, message=line, failure=None)
    told = [f"dump of {name}: {size(taken)}" for name, taken in dumped.made.items()]
    told += [each.message for each in dumped.troubles]
    message = "; ".join([*reversed(told), outcome.message])
    if not dumped.troubles or outcome.status == Status.INTERRUPTED:
        return replace(outcome, message=message)
    failure = outcome.failure if outcome.status == Status.FAILURE else dumped.troubles[0].failure
    return replace(outcome, status=Status.FAILURE, message=message, failure=failure)
