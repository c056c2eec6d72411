"""`make bench`: what the runner costs. A script, not a test: it prints what it saw.

Idle memory is read from smaps_rollup while the supervisor waits; CPU is user + system of whole
processes; each figure is minimum, median and maximum over several runs.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.integration import hard_tree
from tests.integration.sidecars import Sidecar

_RUNS = 9
_FILES = 20_000


def main() -> None:
    """Measure and print."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        sidecar = Sidecar(Path(folder))
        hard_tree.build_many(sidecar.volume, _FILES)
        sidecar.back_up()
        _idle_memory(sidecar)
        _look(sidecar)
        _unchanged(sidecar)


def _idle_memory(sidecar: Sidecar) -> None:
    with sidecar.running() as container:
        container.wait_for('"started"')
        assert container._process is not None
        supervisor = container._process.pid
        pids = [supervisor]
        while len(pids) < 2 or _name(pids[1]) != "sleep":
            children = subprocess.run(
                ("pgrep", "-P", str(supervisor)), capture_output=True, text=True, check=False
            )
            pids = [supervisor, *map(int, children.stdout.split())]
        for pid in pids:
            _say(f"idle Pss of {_name(pid)}", f"{_pss(pid)} KiB")
        _say("idle Pss together", f"{sum(map(_pss, pids)) / 1024:.2f} MiB")


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _pss(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def _look(sidecar: Sidecar) -> None:
    sidecar.annotate({"backup.schedule": "@monthly"})
    wall, cpu = _timed(lambda: sidecar.run("backup-runner", "tick"), _RUNS)
    _say("tick with nothing due, CPU", _spread(cpu))
    _say("tick with nothing due, wall", _spread(wall))


def _unchanged(sidecar: Sidecar) -> None:
    """Take turns, so that a slow moment of the machine hits both."""
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(_RUNS):
        ours += _timed(lambda: sidecar.run("backup-runner", "run"), 1)[0]
        bare += _timed(lambda: _bare(sidecar), 1)[0]
    _say(f"no-change run over {_FILES} files, wall", _spread(ours))
    _say("bare `restic backup` of the same, wall", _spread(bare))


def _bare(sidecar: Sidecar) -> None:
    environment = {
        **sidecar._process_environment(),
        **sidecar.secret,
        "RESTIC_CACHE_DIR": str(sidecar.path("/var/lib/backup/cache")),
    }
    command = ("restic", "backup", "--json", "--host", "bare", "--group-by", "host,tags")
    subprocess.run(
        (*command, str(sidecar.volume)), env=environment, stdout=subprocess.DEVNULL, check=True
    )


def _timed(call: Callable[[], object], runs: int) -> tuple[list[float], list[float]]:
    """Return wall and CPU seconds of each run."""
    wall, cpu = [], []
    for _ in range(runs):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        call()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.monotonic() - started)
        cpu.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return wall, cpu


def _spread(seconds: list[float]) -> str:
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"{low:.3f} / {middle:.3f} / {high:.3f} s"


def _say(what: str, figure: str) -> None:
    print(f"{what:<45} {figure}", flush=True)


if __name__ == "__main__":
    main()
