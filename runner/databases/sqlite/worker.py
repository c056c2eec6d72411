"""Runs one piece of work in a child process with kernel limits."""

import os
import select
import signal
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from runner.databases.sqlite.connection import DoubtError
from runner.databases.sqlite.copying import MAKE_ROOM, AgainError
from runner.process import cgroup

MEMORY = 96 << 20  # bytes, beside what the process has at its start
FILES = 64
_LOOK = 0.1  # seconds
_LONGEST = 1 << 12  # bytes of an answer


@dataclass(slots=True)
class Worker:
    """Runs work for ``seconds`` at most; ``again``: it may be done at the next try.

    It ends with ``parent``, the process that everything is for.
    """

    seconds: float
    parent: int
    again: bool = False

    def run(self, work: Callable[[], None]) -> str:
        """Return "" where the work is done, else why not."""
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            _work(work, writing, int(self.seconds) + 1)
        os.close(writing)
        stopped, text = "", b""
        try:
            stopped = self._wait(reading)
            if stopped:
                os.kill(child, signal.SIGKILL)
            text = os.read(reading, _LONGEST)
        finally:
            os.close(reading)
            _, status = os.waitpid(child, 0)
        return stopped or self._why(text, os.waitstatus_to_exitcode(status))

    def _wait(self, reading: int) -> str:
        """Wait for the result; return why the work has to be stopped, "" if it has ended."""
        ends = time.monotonic() + self.seconds
        while not select.select([reading], [], [], _LOOK)[0]:
            if time.monotonic() > ends:
                return f"it takes longer than {self.seconds:.0f} s: {MAKE_ROOM}"
            if os.getppid() != self.parent:
                return "the runner has exited"
        return ""

    def _why(self, text: bytes, code: int) -> str:
        if code == -signal.SIGXCPU:
            return f"it takes longer than {self.seconds:.0f} s: {MAKE_ROOM}"
        if code < 0:
            name = signal.Signals(-code).name
            return (
                f"SQLite was killed by {name} while reading it: check it with PRAGMA "
                "integrity_check"
            )
        kind, _, why = text.decode("utf-8", "surrogateescape").partition(" ")
        self.again = kind == "again"
        return "" if kind == "done" else why or "SQLite's process exited without an answer"


def _work(work: Callable[[], None], writing: int, seconds: int) -> None:
    """Work in this process, report the result and exit."""
    try:
        cgroup.confine(seconds, MEMORY, FILES)
        work()
        text = "done"
    except AgainError as error:
        text = f"again {error}"
    except MemoryError:
        text = "doubt it takes SQLite too much memory"
    except (DoubtError, sqlite3.Error) as error:
        text = f"doubt {error}"
    except OSError as error:
        text = f"doubt {error.strerror or error}"
    except BaseException as error:  # noqa: BLE001 -- nothing of the parent's may go on in here
        text = f"doubt internal error: {error!r}"
    os.write(writing, text.encode("utf-8", "surrogateescape")[:_LONGEST])
    os._exit(0)
