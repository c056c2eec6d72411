"""Decides whether a failure is red: it runs three more times, under load, and all must pass.

A fault that shows in one run of three passes a single rerun in two of three cases. Three runs
beside busy processors let it through in less than one of three, and dist/flaky.txt keeps the event:
the second one of a test is red without another run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.run import flaky, load
from tests.run.call import FAILED, NO_TESTS, Run, pytest
from tests.run.flaky import Event

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """An exit status, and lines that say why."""

    status: int
    lines: Sequence[str] = ()


def judge(
    arguments: Sequence[str], file: Path, *, may_be_empty: bool, burners: int | None
) -> Verdict:
    """Run pytest, and again what failed; ``file`` lists the tests that did so before."""
    first = pytest(arguments)
    lines = [
        *(f"{seconds:6.1f} s: {test}" for test, seconds in first.slowest.items()),
        *(f"not possible here: {test}: {why}" for test, why in first.exceptions.items()),
    ]
    if first.status != FAILED:
        empty = first.status == NO_TESTS and may_be_empty
        return Verdict(0 if empty else first.status, lines)
    second = _failed(arguments, first, file, burners)
    return Verdict(second.status, [*lines, *second.lines])


def _failed(arguments: Sequence[str], first: Run, file: Path, burners: int | None) -> Verdict:
    if first.uncollected or not first.failed:
        reasons = (f"not collected: {each}: {why}" for each, why in first.uncollected.items())
        return Verdict(FAILED, [*reasons] or ["pytest failed, and named no test"])
    events = [Event(test, line) for test, line in first.failed.items()]
    known = flaky.tests(file)
    if repeated := [event for event in events if event.test in known]:
        flaky.add(file, repeated)
        return Verdict(FAILED, [f"mend it, {file} names it already: {event}" for event in repeated])
    passed = _passes(arguments, first.failed, burners)
    flaky.add(file, [event for event in events if passed[event.test]])
    return Verdict(
        FAILED if any(times < ROUNDS for times in passed.values()) else 0,
        [
            f"failed, then passed {passed[each.test]} of {ROUNDS} under load: {each}"
            for each in events
        ],
    )


def _passes(
    arguments: Sequence[str], tests: Mapping[str, str], burners: int | None
) -> dict[str, int]:
    """Return how often each test passes under load, up to the first failure."""
    passed = dict.fromkeys(tests, 0)
    with load.busy(burners):
        for number in range(1, ROUNDS + 1):
            print(f"\nUnder load, {number} of {ROUNDS}: {len(tests)} failed", flush=True)
            run = pytest(arguments, only=tests)
            for test in passed.keys() & set(run.passed):
                passed[test] += 1
            if run.status or passed.keys() - set(run.passed):
                break
    return passed
