"""`make bench-backup`: what a backup costs beside bare restic. A script, not a test.

Runs of both take turns, so that a slow moment of the machine hits both; each figure is minimum,
median and maximum of the ratios pair by pair, or of what is named. Memory is the peak of the
proportional set size (Pss) of all processes together, looked at every 20 ms.
"""

import argparse
import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import SHUT_WR, create_connection, create_server, socket
from threading import Thread

import contract
import runner
from tests.cluster.workloads import s3
from tests.integration.backup import hard_tree
from tests.integration.sidecars import Sidecar

_BARE = ("restic", "backup", "--json", "--host", "bare", "--group-by", "host,tags")
_ORIGINAL = """
restic snapshots >/dev/null && restic backup "$0" --host bare >/dev/null &&
restic forget --host bare --keep-last 1 --keep-hourly 24 --keep-daily 7 --prune >/dev/null
"""
_LIMIT = 256 << 20  # bytes, the sidecar's default
_PROCESSORS = 64  # of a larger node, which restic uses all of unless it is told otherwise
_TOP = Path("/sys/fs/cgroup")

Times = dict[str, list[float]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-backup", description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--files", type=int, default=10_000, help="for the unchanged runs")
    parser.add_argument("--many", type=int, default=100_000, help="for memory")
    given = parser.parse_args()
    for package in (contract, runner):  # as in the image
        compileall.compile_dir(package.__path__[0], quiet=1)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        _unchanged_locally(Path(folder) / "local", given.files, given.runs)
        _unchanged_far_away(Path(folder) / "far", given.files, given.runs)
        _memory(Path(folder) / "many", given.many)


def _unchanged_locally(folder: Path, files: int, runs: int) -> None:
    sidecar = _filled(folder, files)
    bare = _by_hand(sidecar)
    spent = _in_turn(
        runs, ours=lambda: _run(sidecar), bare=lambda: bare(*_BARE, str(sidecar.volume))
    )
    _tell(f"no-change run over {files} files, local repository", spent, "bare")


def _unchanged_far_away(folder: Path, files: int, runs: int) -> None:
    folder.mkdir()
    with s3.serve("127.0.0.1", folder) as server, _far(server.url, 0.025) as url:
        server.make_bucket("backups")
        secret = {
            "RESTIC_REPOSITORY": f"s3:{url}/backups/wiki",
            "AWS_ACCESS_KEY_ID": server.key, "AWS_SECRET_ACCESS_KEY": server.secret,
        }  # fmt: skip
        sidecar = _filled(folder, files, secret)
        bare = _by_hand(sidecar)
        spent = _in_turn(
            runs,
            ours=lambda: _run(sidecar),
            bare=lambda: bare(*_BARE, str(sidecar.volume)),
            original=lambda: bare("sh", "-c", _ORIGINAL, str(sidecar.volume)),
        )
    _tell(f"no-change run over {files} files, S3 at 50 ms", spent, "bare", "original")


def _memory(folder: Path, files: int) -> None:
    """Compare first backups and unchanged ones; ours has the container's own limit."""
    sidecar = Sidecar(folder, annotations={"backup.forget": "off"})
    hard_tree.build_many(sidecar.volume, files)
    bare = {**_environment(sidecar), "RESTIC_REPOSITORY": f"{folder}/by-hand"}
    bare["RESTIC_CACHE_DIR"] = f"{folder}/by-hand.cache"
    many = {**bare, "RESTIC_REPOSITORY": f"{folder}/many", "GOMAXPROCS": str(_PROCESSORS)}
    own = sidecar._process_environment()
    ours = ("backup-runner", "run")
    theirs = (*_BARE, str(sidecar.volume))
    for environment in (_environment(sidecar), bare, many):
        # Our own would wait for others that create it too.
        subprocess.run(("restic", "init", "-q"), env=environment, check=True)
    with _limited() as prefix:
        for what in ("first", "unchanged"):
            peaks = [_peak((*prefix, *ours), own), _peak(theirs, bare), _peak(theirs, many)]
            memory, seconds = zip(*peaks, strict=True)
            mib = " / ".join(f"{peak / 1024:.0f}" for peak in memory)
            _say(f"{files} files, {what}: peak, ours / bare / bare of {_PROCESSORS}", f"{mib} MiB")
            _say("  ratio of memory to bare, of wall time",
                 f"{memory[0] / memory[1]:.2f}, {seconds[0] / seconds[1]:.2f}")  # fmt: skip


def _filled(folder: Path, files: int, secret: Mapping[str, str] | None = None) -> Sidecar:
    sidecar = Sidecar(folder, secret=secret, annotations={"backup.forget": "off"})
    hard_tree.build_many(sidecar.volume, files)
    sidecar.back_up()
    return sidecar


def _environment(sidecar: Sidecar) -> dict[str, str]:
    cache = str(sidecar.path("/var/lib/backup/cache"))
    return {**sidecar._process_environment(), **sidecar.secret, "RESTIC_CACHE_DIR": cache}


def _by_hand(sidecar: Sidecar) -> Callable[..., None]:
    environment = _environment(sidecar)

    def run(*command: str) -> None:
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

    return run


def _run(sidecar: Sidecar) -> None:
    done = sidecar.run("backup-runner", "run")
    assert done.returncode == 0, done.stdout


def _in_turn(runs: int, **calls: Callable[[], object]) -> Times:
    """Return wall seconds of each; the first turn warms caches and does not count."""
    spent: Times = {name: [] for name in calls}
    for turn in range(runs + 1):
        for name, call in calls.items():
            began = time.monotonic()
            call()
            if turn:
                spent[name].append(time.monotonic() - began)
    return spent


def _tell(what: str, spent: Times, *others: str) -> None:
    _say(what, f"{_spread(spent['ours'])} s")
    for other in others:
        ratios = [a / b for a, b in zip(spent["ours"], spent[other], strict=True)]
        _say(f"  {other}", f"{_spread(spent[other])} s")
        _say(f"  ratio to {other}", _spread(ratios))


def _spread(found: Sequence[float]) -> str:
    return f"{min(found):.3f} / {statistics.median(found):.3f} / {max(found):.3f}"


def _say(what: str, figure: str) -> None:
    print(f"{what:<62} {figure}", flush=True)


@contextmanager
def _far(url: str, delay: float) -> Iterator[str]:
    """Stand between a client and a server so that each way takes ``delay`` seconds."""
    host, _, port = url.removeprefix("http://").partition(":")
    listener = create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = create_connection((host, int(port)))
                for one, other in ((near, far), (far, near)):
                    Thread(target=_pass, args=(one, other, delay), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def _pass(source: socket, target: socket, delay: float) -> None:
    """Hand on each piece when its time has come, however many are under way."""
    pieces: deque[tuple[float, bytes]] = deque()
    source.settimeout(0.001)
    with suppress(OSError):
        data: bytes | None = b""
        while data is not None or pieces:
            if data is not None:
                try:
                    data = source.recv(1 << 16) or None
                    pieces.append((time.monotonic() + delay, data or b""))
                except TimeoutError:
                    data = b""
            while pieces and (pieces[0][0] <= time.monotonic() or data is None):
                due, piece = pieces.popleft()
                time.sleep(max(0.0, due - time.monotonic()))  # the line's length
                target.sendall(piece) if piece else target.shutdown(SHUT_WR)


@contextmanager
def _limited() -> Iterator[tuple[str, ...]]:
    """Give words that run a command under the sidecar's limit, which it sees as its own."""
    old = (_TOP / "memory").is_dir()
    group = (_TOP / "memory" if old else _TOP) / f"bench-{os.getpid()}"
    file = "memory.limit_in_bytes" if old else "memory.max"
    try:
        group.mkdir()
        (group / file).write_text(str(_LIMIT))
    except OSError as error:
        _say("no control group can be made here: without the container's limit", str(error))
        yield ()
        return
    script = 'echo $$ >"$0/cgroup.procs" && mount --bind "$0" "$1" && shift && exec "$@"'
    yield ("unshare", "-m", "sh", "-c", script, str(group), str(group.parent))
    group.rmdir()


def _peak(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, float]:
    """Return the peak in KiB and the seconds that a command and its children took."""
    began, most = time.monotonic(), 0
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    ) as process:
        while process.poll() is None:
            most = max(most, sum(map(_pss, _tree(process.pid))))
            time.sleep(0.02)  # between two looks at memory
    assert process.returncode == 0
    return most, time.monotonic() - began


def _tree(root: int) -> list[int]:
    found = [root]
    for pid in found:
        with suppress(OSError):
            found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return found


def _pss(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


if __name__ == "__main__":
    main()
