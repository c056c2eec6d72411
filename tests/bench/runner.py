"""`make bench`: what the runner costs. A script, not a test: it prints what it saw.

Idle memory is read from smaps_rollup while the supervisor waits; CPU is user + system of whole
processes; each figure is minimum, median and maximum over several runs.
"""

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cluster.work import until
from tests.integration.sidecars import Sidecar

_RUNS = 9
_HERD = 50


def main() -> None:
    """Measure and print."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        sidecar = Sidecar(Path(folder))
        sidecar.back_up()
        _idle_memory(sidecar)
        _side_by_side(Path(folder))
        _look(sidecar)


def _idle_memory(sidecar: Sidecar) -> None:
    with sidecar.running() as container:
        container.wait_for('"started"')
        assert container._process is not None
        supervisor = container._process.pid
        pids = [supervisor]
        while len(pids) < 2 or _name(pids[1]) != "sleep":
            pids = [supervisor, *children(supervisor)]
        for pid in pids:
            _say(f"idle Pss of {_name(pid)}", f"{_pss(pid)} KiB")
        _say("idle Pss together", f"{sum(map(_pss, pids)) / 1024:.2f} MiB")


def _side_by_side(folder: Path) -> None:
    """Start many that have nothing to do: what each further one adds, and what waiting costs."""
    pace = {"BACKUP_POLL_SECONDS": "30"}
    herd = [
        Sidecar(folder / "herd" / str(n), annotations={"backup.schedule": "off"}, pace=pace)
        for n in range(_HERD)
    ]
    with _cpu_meter() as meter, ExitStack() as stack:
        shells = [_started(stack, each) for each in herd]
        until(lambda: all(map(_waits, shells)), "all wait", 120)
        pids = [pid for shell in shells for pid in (shell, *children(shell))]
        private = sum(_memory(pid, "Private_") for pid in pids) / _HERD
        _say(f"{_HERD} side by side: private memory of each", f"{private / 1024:.2f} MiB")
        if meter is not None:
            for pid in shells:
                (meter / "cgroup.procs").write_text(str(pid))
            before = _cpu(meter)
            time.sleep(60)  # the minute that is measured
            _say("  CPU of each in a minute", f"{(_cpu(meter) - before) / _HERD * 1000:.1f} ms")


def _started(stack: ExitStack, sidecar: Sidecar) -> int:
    process = stack.enter_context(sidecar.running())._process
    assert process is not None
    return process.pid


@contextmanager
def _cpu_meter() -> Iterator[Path | None]:
    """Give a control group that counts CPU time; None where none can be made."""
    old = Path("/sys/fs/cgroup/cpuacct")
    group = (old if old.is_dir() else old.parent) / f"bench-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield None
        return
    yield group
    until(lambda: not (group / "cgroup.procs").read_text(), "the group is empty", 30)
    group.rmdir()


def _cpu(group: Path) -> float:
    """Return the seconds that the group has used."""
    old = group / "cpuacct.usage"
    if old.exists():
        return int(old.read_text()) / 1e9
    first = (group / "cpu.stat").read_text().splitlines()[0]
    return int(first.split()[1]) / 1e6


def _waits(pid: int) -> bool:
    return any(_name(child) == "sleep" for child in children(pid))


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    """Return the processes that this one has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _pss(pid: int) -> int:
    return _memory(pid, "Pss:")


def _memory(pid: int, kind: str) -> int:
    """Return the KiB of all lines that begin so."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(kind))


def _look(sidecar: Sidecar) -> None:
    sidecar.annotate({"backup.schedule": "@monthly"})
    wall, cpu = _timed(lambda: sidecar.run("backup-runner", "tick"), _RUNS)
    _say("tick with nothing due, CPU", _spread(cpu))
    _say("tick with nothing due, wall", _spread(wall))


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
