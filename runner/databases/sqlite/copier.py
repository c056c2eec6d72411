"""The process that copies and checks SQLite databases: started by runner.databases.sqlite.copies.

Each database is handled in a separate child process with kernel limits on time, memory and disk
space.
"""

import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from contract.text import counted, listed
from contract.units import size
from runner.databases.sqlite import copying, worker
from runner.databases.sqlite.candidates import Candidates
from runner.databases.sqlite.connection import DoubtError
from runner.databases.sqlite.copying import Copying
from runner.databases.sqlite.worker import Worker
from runner.process import cgroup
from runner.volume import globs
from runner.volume.globs import File

PART = "sqlite.part"  # beside the folder of copies
_TRIES = 5
_GRACE = 60  # seconds
_NARROW = "narrow backup.sqlite"


@dataclass(frozen=True, slots=True)
class Job:
    """What to copy, and what it may take.

    ``sources`` and the folders that their links must not leave, and ``files`` that were found:
    path, root and the folders between; ``most`` databases; ``left`` bytes
    in ``scratch``, of whose disk ``reserve`` bytes stay free; ``busy``, ``each`` and ``all`` are
    seconds.
    """

    sources: dict[str, str]
    globs: list[str]
    files: list[tuple[str, str, list[str]]]
    scratch: str
    most: int
    left: int
    reserve: int
    busy: float
    each: float
    all: float


def main() -> int:
    """Execute the job from standard input; report in lines of JSON, the last of which is
    ``end``.
    """
    asked = json.load(sys.stdin)
    parent = os.getppid()
    if "check" in asked:
        for path in asked["check"]:
            _tell(path=path, answer=_checked(path, asked["each"], parent))
    else:
        seconds = int(asked["all"]) + _GRACE  # it says itself that time is over
        cgroup.confine(seconds, 2 * worker.MEMORY, 4 * worker.FILES)
        Copier(Job(**asked), parent).run()
    _tell(end=True)
    return 0


def _tell(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


def _checked(path: str, seconds: float, parent: int) -> str:
    def check() -> None:
        cgroup.file_size(0)
        answer = copying.integrity(path)
        if answer != "ok":
            raise DoubtError(answer)

    return Worker(seconds, parent).run(check) or "ok"


@dataclass(frozen=True, slots=True)
class _Room:
    """The bytes that a copy may use, and the reason for the limit."""

    bytes: int
    why: str


class Copier:
    """Finds databases and has them copied, one after the other."""

    def __init__(self, job: Job, parent: int) -> None:
        self._job = job
        self._parent = parent
        self._left = job.left
        self._ends = time.monotonic() + job.all
        self._part = Path(job.scratch).with_name(PART)

    def run(self) -> None:
        """Copy all that are found; tell of each."""
        found = self._found()
        ordered = sorted(found.databases)
        for number, file in enumerate(ordered):
            if time.monotonic() > self._ends:
                why = f"copying takes longer than {self._job.all:.0f} s"
                self._leave(file.path, len(ordered) - number - 1 + found.more, why)
                return
            if why := self._copied(file):
                _tell(doubt=f"{file.path} is not copied consistently: {why}")
        if found.more:
            self._leave("", found.more, f"more than {self._job.most} match")

    def _leave(self, first: str, more: int, why: str) -> None:
        what = " and ".join(filter(None, (first, counted(more, "more database") if more else "")))
        are = "are" if more > bool(not first) else "is"
        _tell(doubt=f"{what} {are} not copied consistently: {why}: {_NARROW}")

    def _found(self) -> Candidates:
        """Return the databases that globs match; report other matches, and globs without one."""
        found = Candidates(self._job.most)
        for path, root, parts in self._job.files:
            found.add(File(path, root, tuple(parts)))
        if self._job.files:
            found.close()
            return found  # there are no globs that could match other files
        matched = set()
        for source, anchor in self._job.sources.items():
            for glob in self._job.globs:
                for file in globs.find(source, anchor, glob):
                    matched.add(glob)
                    found.add(file)
                    if time.monotonic() > self._ends:
                        return found  # and no time is left for the first of them
        found.close()
        # One of several may be for what other apps have, or for what comes later.
        _tell(
            idle=[] if matched else self._job.globs,
            others=listed(sorted(found.others)) if found.others else "",
        )
        return found

    def _copied(self, file: File) -> str:
        """Copy one; return why it was not copied, "" if it was."""
        why = ""
        for _ in range(_TRIES):
            shutil.rmtree(self._part, ignore_errors=True)
            left = self._room()
            room, what = left.bytes, left.why
            done = Worker(self._job.each, self._parent)
            try:
                self._part.mkdir(mode=0o700, parents=True)
                copy = Copying(file, str(self._part), room, what, self._job.busy)
                why = done.run(copy.copy)
                if not why:
                    self._keep(file)
            except OSError as error:
                return error.strerror or str(error)
            if not done.again:
                break
        return why

    def _keep(self, file: File) -> None:
        target = Path(f"{self._job.scratch}{file.path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        (self._part / copying.NAME).rename(target)
        self._left -= target.lstat().st_size
        _tell(copied=file.path)

    def _room(self) -> _Room:
        """Return how much space the next copy may use."""
        disk = os.statvfs(self._part.parent)
        free = max(0, disk.f_bavail * disk.f_frsize - self._job.reserve)
        if free < self._left:
            return _Room(
                free,
                f"free on the sidecar's disk, of which {size(self._job.reserve)} must stay free",
            )
        return _Room(self._left, "left for copies")


if __name__ == "__main__":
    sys.exit(main())
