"""Plants faults one by one and counts those that tests notice: `python -m tests.mutants`."""

import argparse
import fnmatch
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.copy import Copy
from tests.mutants.table import Fault, faults, fits
from tests.mutants.trial import Trial, Verdict, attempt, run

_LEAST = 0.95


def main(words: Sequence[str] | None = None) -> int:
    """Return 0 if enough faults are noticed, and each of the others has a reason."""
    options = _parser().parse_args(words)
    chosen = [each for each in faults() if fnmatch.fnmatch(each.id, f"*{options.only}*")]
    if wrong := [problem for each in chosen if (problem := fits(each))]:
        print(*wrong, sep="\n", file=sys.stderr)
        return 2
    if not chosen:
        print(f"No fault has an id like {options.only}", file=sys.stderr)
        return 2
    if options.list:
        for each in chosen:
            print(f"{each.id}  {each.path}  {each.killer or each.reason}")
        return 0
    os.nice(10)
    return _report(_trials(chosen, options.jobs))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="trials at a time (default 2)")
    parser.add_argument("--only", default="", metavar="PATTERN", help="faults with an id like it")
    parser.add_argument("--list", action="store_true", help="print the faults and end")
    return parser


def _trials(chosen: list[Fault], jobs: int) -> list[Trial]:
    """Try each fault in one of as many copies as there are jobs, and show what comes of it."""
    began, done = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(jobs):
            copies.put(Copy(Path(folder).resolve() / str(number)))
        _pass_without_faults(copies, chosen, jobs)

        def tried(fault: Fault) -> Trial:
            nonlocal done
            copy = copies.get()
            try:
                trial = attempt(copy, fault)
            finally:
                copies.put(copy)
            done += 1
            print(f"{done}/{len(chosen)} {trial.verdict:8} {trial.seconds:5.1f} s  "
                  f"{fault.id}  {trial.killer}", flush=True)  # fmt: skip
            return trial

        with ThreadPoolExecutor(jobs) as pool:
            trials = list(pool.map(tried, chosen))
    print(f"\n{len(trials)} faults in {time.monotonic() - began:.0f} s")
    return trials


def _pass_without_faults(copies: SimpleQueue[Copy], chosen: list[Fault], jobs: int) -> None:
    """Refuse to start where an expected killer fails anyway: it would kill everything."""
    copy = copies.get()
    killers = tuple(sorted({each.killer for each in chosen if each.killer}))
    if killers:
        verdict, failed, output = run(copy, killers, "-n", str(jobs))
        if verdict is not Verdict.SURVIVED:
            sys.exit(f"{output}\n{failed or 'a test'} fails without any fault")
    copies.put(copy)


def _report(trials: list[Trial]) -> int:
    killed = [each for each in trials if each.verdict is Verdict.KILLED]
    others = [each for each in trials if each.verdict is not Verdict.KILLED]
    for each in killed:
        if each.fault.killer and each.killer != each.fault.killer.partition("[")[0]:
            print(f"note: {each.fault.id} is noticed by {each.killer}, "
                  f"not by {each.fault.killer}")  # fmt: skip
    for each in others:
        print(f"{each.verdict}: {each.fault.id} ({each.fault.path}): "
              f"{each.fault.reason or 'no reason'}")  # fmt: skip
        if each.verdict is Verdict.BROKEN:
            print(each.output)
    share = len(killed) / len(trials)
    print(f"{len(killed)} of {len(trials)} killed ({share:.1%}; at least {_LEAST:.0%} must be)")
    unexplained = [each for each in others
                   if not each.fault.reason or each.verdict is Verdict.BROKEN]  # fmt: skip
    return 1 if share < _LEAST or unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
