"""Work in a child has limits by the kernel, whatever becomes of it is told in one line."""

import subprocess
import sys

import pytest

SCRIPT = """
import os, resource, sys, time
from runner.sandbox import landlock
from runner.databases.sqlite.connection import DoubtError
from runner.databases.sqlite.copying import AgainError
from runner.databases.sqlite.worker import Worker

def limits():
    names = ("CPU", "AS", "NOFILE", "CORE")
    found = [resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[0] for name in names]
    raise DoubtError(" ".join(map(str, found)))

def again(): raise AgainError("it changed")
def endless():
    while True: pass
def idle(): time.sleep(600)
def hungry(): return bytes(1 << 40), [bytes(1 << 20) for _ in range(1 << 20)]
def crash(): os.kill(os.getpid(), 11)
def silent(): os._exit(3)

worker = Worker(float(sys.argv[2]), os.getppid())
print(repr(worker.run(globals()[sys.argv[1]])), worker.again)
"""


def answered(work: str, seconds: float = 60) -> str:
    """Return what becomes of a piece of work, in a process that has no other threads."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, work, str(seconds)],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("work", "seconds", "said"),
    [
        ("again", 60, "'it changed' True"),
        ("endless", 0.2, "it takes longer than 0 s"),
        ("idle", 0.2, "it takes longer than 0 s"),
        ("hungry", 60, "'it takes SQLite too much memory' False"),
        ("crash", 60, "SQLite was killed by SIGSEGV"),
        ("silent", 60, "SQLite's process exited without an answer"),
    ],
)
def test_every_end_of_the_worker_is_reported(work: str, seconds: float, said: str) -> None:
    assert said in answered(work, seconds)


def test_the_worker_has_resource_limits() -> None:
    """Of time, memory, open files and core dumps."""
    seconds, memory, files, core = map(int, answered("limits").split("'")[1].split())

    assert (seconds, files, core) == (61, 64, 0)
    assert memory < 1 << 30
