"""The state volume: the state, files for supervisor and readers, and the lock."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contract import names
from runner.process import lock
from runner.state.coding import read, written
from runner.state.model import State

FILE = "state.json"
_LOCK = "lock"
_NEXT = "next"  # its modification time tells the supervisor when to tick


class Store:
    """The state volume."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self) -> State | None:
        """Return the state, or None if there is none or it cannot be read as one."""
        try:
            return read(json.loads((self._folder / FILE).read_text("utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            return None

    def save(self, state: State) -> None:
        """Write the state so that a kill leaves the old or the new one, never half of it."""
        self._write(FILE, json.dumps(written(state)), lasting=True)

    def publish(self, known: dict[str, Any]) -> None:
        """Write the status for readers: one file, complete at any time."""
        self._write(names.STATUS_FILE, json.dumps(known))

    def _write(self, name: str, text: str, *, lasting: bool = False) -> None:
        part = self._folder / f"{name}.part"
        part.unlink(missing_ok=True)  # it may be another user's
        with part.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        part.replace(self._folder / name)

    def announce(self, moment: float) -> None:
        """Tell the supervisor when to call `tick` again."""
        part = self._folder / f"{_NEXT}.part"
        part.unlink(missing_ok=True)
        part.touch()
        os.utime(part, (moment, moment))  # of a file that another user made, nobody else may
        part.replace(self._folder / _NEXT)

    def mark(self, name: str, *, wanted: bool) -> None:
        """Make an empty file that the supervisor looks for, or remove it."""
        path = self._folder / name
        if not wanted:
            path.unlink(missing_ok=True)
        elif not path.exists():
            path.touch()

    def marked(self, name: str) -> bool:
        """Whether that file is there."""
        return (self._folder / name).exists()

    @contextmanager
    def lock(self, wait: lock.Wait = lock.never) -> Iterator[bool]:
        """Hold the lock that keeps runs apart; gives False where another process keeps it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with lock.held(self._folder / _LOCK, wait) as mine:
            yield mine
