"""What must hold after every fault: nothing is lost, and the next run recovers by itself."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from demo import trees
from tests.cluster.work import until
from tests.faults.network.line import WORKS, Fault, Line
from tests.faults.network.told import Receivers, Told
from tests.integration.sidecars import PASSWORD, Json, Sidecar, Tree, contents

_PACE = {"BACKUP_LOCK_PATIENCE_SECONDS": "1"}
_CODES = {"success": 0, "warning": 0, "skipped": 75}
_UNUSED: Json = {"tasks": {}}  # what is weekly was never done, and is due


class Night:
    """A sidecar with a good snapshot behind it, and the proof that a fault takes nothing.

    Log, metrics and messages must say the same of each run that goes through it.
    """

    receivers: ClassVar[Receivers]
    template: ClassVar[Path | None] = None
    """A new repository that opens at once; without, each night's own run creates one."""

    def __init__(self, root: Path, *, dump: str = "", path: str = "", **secret: str) -> None:
        self.root = root
        self.right = PASSWORD
        self.told = Told(self.receivers)
        annotations = {"backup.dump": dump} if dump else {}
        pace = {**_PACE, "PATH": path} if path else _PACE
        given = {**self.told.secret, **secret}
        self.sidecar = Sidecar(root, annotations=annotations, secret=given, pace=pace)
        if self.template and self._lies_here():
            shutil.copytree(self.template, self.sidecar.repository)
        self.write("kept", 1 << 16)
        self.back_up()
        self._before = [(each, self._restored(each)) for each in self.sidecar.snapshots()]

    def _lies_here(self) -> bool:
        """Whether the repository is the sidecar's folder, be it behind a server."""
        named = self.sidecar.secret["RESTIC_REPOSITORY"]
        return named == str(self.sidecar.repository) or named.startswith("rest:")

    def back_up(self, status: str = "success", failure: str = "") -> Json:
        """Run a backup that ends so; return its last line."""
        done = self.sidecar.run("backup-runner", "run")
        assert not done.stderr
        lines: list[Json] = [json.loads(line) for line in done.stdout.splitlines()]
        ended = [line for line in lines if is_outcome(line)][-1]
        assert done.returncode == _CODES.get(status, 1), done.stdout
        self.ended(ended, status, failure)
        return ended

    def ended(self, line: Json, status: str, failure: str = "") -> None:
        """Prove that a run ended so, as its log's last ``line`` about it, and receivers say."""
        assert (line["status"], line.get("class", "")) == (status, failure), line
        self.told.check(status, failure)

    def write(self, name: str, size: int) -> None:
        """Write a file of random bytes into the volume."""
        (self.sidecar.volume / name).write_bytes(os.urandom(size))

    def make_tasks_due(self) -> None:
        """Make retention, prune and check due with the next backup."""
        file = self.sidecar.path("/var/lib/backup") / "state.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | _UNUSED))

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command in the container while the context lasts."""
        with subprocess.Popen(
            command or ("backup-runner", "run"), env=self.sidecar._process_environment(),
            stdout=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            yield process

    def restic_in(self, process: subprocess.Popen[str], word: str) -> int:
        """Return the process id of a restic that holds its lock while it does ``word``, slowly."""
        found: list[int] = []

        def at_work() -> bool:
            found[:] = _restics(process, word)
            return bool(found and self.locks())

        until(at_work, f"restic does {word}", 120)
        return found[0]

    def held_in(self, process: subprocess.Popen[str], word: str, way: Line) -> int:
        """Return the process id of a restic that does ``word``, and gets no further.

        It has its lock, and no answer from the repository, which lies at the end of ``way``.
        """

        def is_held(method: str, path: str) -> bool:
            reads = method == "GET" and "/locks/" not in path
            return reads and bool(self.locks()) and bool(_restics(process, word))

        way.rule = lambda method, path: Fault(hangs=True) if is_held(method, path) else WORKS
        until(
            lambda: any(is_held("GET", path) for path in list(way.hanging)),
            f"restic does {word}", 120,
        )  # fmt: skip
        return _restics(process, word)[0]

    def locks(self) -> set[Path]:
        """Return the repository's locks, without those that are still being written."""
        files = (self.sidecar.repository / "locks").iterdir()
        return {file for file in files if "-tmp-" not in file.name}

    def ends(self, *, recovers: bool = True) -> Json:
        """Prove that nothing is lost; return how the next run ends, which must be well."""
        assert "no errors were found" in self._restic("check", "--read-data", "--no-lock")
        for snapshot, tree in self._before:
            assert self._restored(snapshot) == tree
        return self.back_up() if recovers else {}

    def _restored(self, snapshot: Json) -> Tree:
        target = self.root / f"restored-{len(list(self.root.glob('restored-*')))}"
        of_a_dump = any(tag.startswith("dump=") for tag in snapshot["tags"])
        what = snapshot["id"] if of_a_dump else f"{snapshot['id']}:{self.sidecar.volume}"
        self._restic("restore", "--no-lock", what, "--target", str(target))
        return contents(trees.capture(target))

    def _restic(self, *words: str) -> str:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.root), "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_REPOSITORY": str(self.sidecar.repository),
        }  # fmt: skip
        done = subprocess.run(
            ("restic", "--no-cache", *words),
            env=environment, text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def last_line(process: subprocess.Popen[str], holds: Callable[[Json], bool]) -> Json:
    """Return the last line of a command's log that is of a kind; it has ended then."""
    out, _ = process.communicate()
    found: list[Json] = [line for line in map(json.loads, out.splitlines()) if holds(line)]
    return found[-1]


def end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """End a run as a kubelet does; by SIGKILL, all that it started ends with it."""
    started = children(process.pid) if number == signal.SIGKILL else []
    _all([process.pid, *started], number)


def is_outcome(line: Json) -> bool:
    """Whether a log line tells how a run ended."""
    return "status" in line


def _all(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _restics(process: subprocess.Popen[str], word: str) -> list[int]:
    return [pid for pid in children(process.pid) if word in argv(pid)]


def children(parent: int) -> list[int]:
    """Return the process ids of a process's children."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
        except (OSError, ValueError):
            continue
    return found


def argv(pid: int) -> list[str]:
    """Return the command line of a process, empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []
