"""`make bench-restore`: what filling a volume costs beside bare restic. A script, not a test.

Runs of both take turns, so that a slow moment of the machine hits both; each figure is minimum,
median and maximum of what is named, or of the ratios pair by pair: of throughput, so that 1 is as
fast as restic, and more is faster. Ours ends with all of it on the disk, which restic alone does
not see to; the third column does.
"""

import argparse
import compileall
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import contract
import runner
from tests.integration.restore.restores import Start
from tests.integration.sidecars import Sidecar


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-restore", description=__doc__)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=32 << 10, help="bytes of each file")
    parser.add_argument("--folder", help="where to work, such as /dev/shm; default: as mktemp")
    given = parser.parse_args()
    for package in (contract, runner):  # as in the image
        compileall.compile_dir(package.__path__[0], quiet=1)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        sidecar = _filled(Path(folder), given.files, given.size)
        _restores(sidecar, given.runs)
        _starts(sidecar, given.runs)


def _filled(folder: Path, files: int, size: int) -> Sidecar:
    sidecar = Sidecar(folder)
    for number in range(files):
        place = sidecar.volume / f"{number // 100:03}"
        place.mkdir(exist_ok=True)
        (place / f"{number:06}").write_bytes(os.urandom(size))
    sidecar.back_up()
    return sidecar


def _restores(sidecar: Sidecar, runs: int) -> None:
    start = Start(sidecar)
    state = sidecar.path("/var/lib/backup")
    bare = ("restic", "restore", "--json", "--host", "wiki", "--target", str(sidecar.volume),
            f"latest:{sidecar.volume}")  # fmt: skip
    environment = {
        **start.environment, **sidecar.secret, "RESTIC_CACHE_DIR": f"{state}/cache",
        "RESTIC_PROGRESS_FPS": "0.2",
    }  # fmt: skip

    def by_hand() -> None:
        subprocess.run(bare, env=environment, stdout=subprocess.DEVNULL, check=True)

    def synced() -> None:
        by_hand()
        subprocess.run(("sync", "-f", str(sidecar.volume)), check=True)

    calls: dict[str, Callable[[], object]] = {
        "ours": start.run, "bare": by_hand, "bare, and sync": synced,
    }  # fmt: skip
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(runs + 1):  # the first one warms caches and does not count
        for name, call in calls.items():
            shutil.rmtree(sidecar.volume)
            sidecar.volume.mkdir()
            os.sync()
            began = time.monotonic()
            call()
            if turn:
                spent[name].append(time.monotonic() - began)
    for name, seconds in spent.items():
        _say(f"filling a volume: {name}", f"{_spread(seconds)} s")
        if name != "ours":
            ratios = [b / a for a, b in zip(spent["ours"], seconds, strict=True)]
            _say(f"  throughput, ratio to {name}", _spread(ratios))


def _starts(sidecar: Sidecar, runs: int) -> None:
    """Measure what every later start of a pod pays."""
    start, spent = Start(sidecar), []
    for _ in range(2 * runs):
        began = time.monotonic()
        start.run()
        spent.append(time.monotonic() - began)
    _say("a start with no empty volume", f"{_spread(spent)} s")


def _spread(found: Sequence[float]) -> str:
    return f"{min(found):.3f} / {statistics.median(found):.3f} / {max(found):.3f}"


def _say(what: str, figure: str) -> None:
    print(f"{what:<50} {figure}", flush=True)


if __name__ == "__main__":
    main()
