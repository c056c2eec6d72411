"""`make bench-sqlite`: what looking for SQLite databases costs a run in which nothing changed.

Runs with `backup.sqlite: auto` and `off` take turns on the same volume; each figure is minimum,
median and maximum of the ratios pair by pair. A script, not a test.
"""

import argparse
import compileall
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import contract
import runner
from tests.integration.backup import hard_tree
from tests.integration.sidecars import Sidecar


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-sqlite", description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--files", type=int, default=100_000)
    given = parser.parse_args()
    for package in (contract, runner):  # as in the image
        compileall.compile_dir(package.__path__[0], quiet=1)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        sidecars = {
            word: Sidecar(
                Path(folder) / word, annotations={"backup.sqlite": word, "backup.forget": "off"}
            )
            for word in ("auto", "off")
        }
        for sidecar in sidecars.values():
            hard_tree.build_many(sidecar.volume, given.files)
            time.sleep(3)  # until time stamps of folders are old enough to be remembered
            for _ in range(2):
                sidecar.back_up()
        ratios = []
        for _ in range(given.runs):
            spent = {word: _seconds(sidecar) for word, sidecar in sidecars.items()}
            ratios.append(spent["auto"] / spent["off"])
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    print(f"{given.files:,} unchanged files, auto to off: {low:.3f} {middle:.3f} {high:.3f}")


def _seconds(sidecar: Sidecar) -> float:
    start = time.monotonic()
    sidecar.back_up()
    return time.monotonic() - start


if __name__ == "__main__":
    main()
