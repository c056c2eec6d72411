"""Plants faults one by one and counts those that tests notice: `python -m tests.mutants`."""

import argparse
import fnmatch
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from tests.mutants.copy import Copy
from tests.mutants.table import Fault, faults, misfit
from tests.mutants.trial import Result, Trial, Verdict, Worker

_LEAST = 0.95
_AT_ONCE = 40  # expected killers in one run of pytest
_PATIENCE = 600  # seconds for such a run
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


def main(words: Sequence[str] | None = None) -> int:
    """Return 0 if enough faults are noticed, and each of the others has a reason."""
    options = _parser().parse_args(words)
    chosen = [each for each in faults() if fnmatch.fnmatch(each.id, f"*{options.only}*")]
    if wrong := [problem for each in chosen if (problem := misfit(each))]:
        print(*wrong, sep="\n", file=sys.stderr)
        return 2
    if not chosen:
        print(f"no fault has an id like {options.only}", file=sys.stderr)
        return 2
    if options.list:
        for each in chosen:
            print(f"{each.id}  {each.path}  {each.killer or each.reason}")
        return 0
    os.nice(10)
    with _workers(options.jobs) as workers:
        if broken := _fail_anyway(workers, chosen):
            print(broken, file=sys.stderr)
            return 2
        return _report(_trials(workers, chosen))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="trials at a time (default: 2)")
    parser.add_argument("--only", default="", metavar="PATTERN", help="faults with such an id")
    parser.add_argument("--list", action="store_true", help="print the faults and exit")
    return parser


@contextmanager
def _workers(jobs: int) -> Iterator[list[Worker]]:
    """Give one worker for each job, with a copy of the project of its own."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ExitStack() as stack:
        copies = (Copy(Path(folder).resolve() / str(number)) for number in range(jobs))
        yield [stack.enter_context(Worker(each)) for each in copies]


def _fail_anyway(workers: list[Worker], chosen: list[Fault]) -> str:
    """Return the output of an expected killer that fails without a fault: it would kill all."""
    killers = sorted({each.killer for each in chosen if each.killer})
    parts = [tuple(killers[at : at + _AT_ONCE]) for at in range(0, len(killers), _AT_ONCE)]
    with ThreadPoolExecutor(len(workers)) as pool:
        results = pool.map(_of_free(workers, _long), parts)
        bad = [each for each in results if each.verdict is not Verdict.SURVIVED]
    return f"{bad[0].output}\n{bad[0].killer} fails without a fault" if bad else ""


def _long(worker: Worker, tests: tuple[str, ...]) -> Result:
    return worker.run(tests, _PATIENCE)


def _of_free(
    workers: list[Worker], call: Callable[[Worker, _Given], _Made]
) -> Callable[[_Given], _Made]:
    """Return a function that makes the call on a worker that has nothing else to do."""
    free: SimpleQueue[Worker] = SimpleQueue()
    for each in workers:
        free.put(each)

    def called(argument: _Given) -> _Made:
        worker = free.get()
        try:
            return call(worker, argument)
        finally:
            free.put(worker)

    return called


def _trials(workers: list[Worker], chosen: list[Fault]) -> list[Trial]:
    """Try each fault, and show what comes of it."""
    began = time.monotonic()

    def tried(worker: Worker, fault: Fault) -> Trial:
        trial = worker.attempt(fault)
        result = trial.result
        print(f"{result.verdict:8} {trial.seconds:5.1f} s  {fault.id}  {result.killer}", flush=True)
        return trial

    with ThreadPoolExecutor(len(workers)) as pool:
        trials = list(pool.map(_of_free(workers, tried), chosen))
    print(f"\n{len(trials)} faults in {time.monotonic() - began:.0f} s")
    return trials


def _report(trials: list[Trial]) -> int:
    killed = [each for each in trials if each.result.verdict is Verdict.KILLED]
    others = [each for each in trials if each.result.verdict is not Verdict.KILLED]
    for each in killed:
        fault, killer = each.fault, each.result.killer
        if fault.killer and killer != fault.killer.partition("[")[0]:
            print(f"note: {fault.id} is noticed by {killer}, not by {fault.killer}")
    for each in others:
        fault, result = each.fault, each.result
        print(f"{result.verdict}: {fault.id} ({fault.path}): {fault.reason or 'no reason'}")
        print(result.output if result.verdict is Verdict.BROKEN else "", end="")
    share = len(killed) / len(trials)
    print(f"{len(killed)} of {len(trials)} killed: {share:.1%}, at least {_LEAST:.0%} must be")
    unexplained = [
        each for each in others
        if not each.fault.reason or each.result.verdict is Verdict.BROKEN
    ]  # fmt: skip
    return 1 if share < _LEAST or unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
