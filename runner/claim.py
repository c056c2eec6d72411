"""Whose work the restore of a volume is, where several pods see the same volume.

The highest `claim.N` counts, and only one pod can make each number. Its owner changes it all the
time; whoever waits watches it by a clock of its own, so that no clocks are compared. NFS shows
what is new in a file to who opens it, hence a content and no time stamp.
"""

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_BEATS = 6  # in the time after which a claim that does not change is nobody's
_LOOK = 0.5  # seconds between looks at another's


class Claim:
    """Our claim, kept fresh by a thread; ``lost`` is called if another pod has it."""

    def __init__(self, file: Path, pod: str, seconds: float, lost: Callable[[], None]) -> None:
        self._file = file
        self._pod = pod
        self._seconds = seconds / _BEATS
        self._lost = lost
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _is_ours(self) -> bool:
        return _highest(self._file.parent) == (_number(self._file), self._file)

    def _keep(self) -> None:
        beat = 0
        while not self._ended.wait(self._seconds):
            beat += 1
            with suppress(OSError):
                if not self._is_ours():
                    self._lost()
                    return
                _write(self._file, os.O_WRONLY, {"pod": self._pod, "beat": beat})

    def end(self, *, free: bool = False) -> None:
        """Let it go, once; ``free``: whoever comes next need not wait."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join()
        if free:
            with suppress(OSError):
                _write(self._file, os.O_WRONLY, {"pod": "", "free": True})


class Waiter:
    """Takes a claim as soon as it is to be had."""

    def __init__(self, folder: Path, pod: str, seconds: float) -> None:
        self._folder = folder
        self._pod = pod
        self._seconds = seconds
        self._seen: object = None
        self._since = time.monotonic()

    def take(self, lost: Callable[[], None]) -> Claim | None:
        """Return our claim; None while it is another's. Raises FileNotFoundError at its end."""
        number, file = _highest(self._folder)
        if file is not None:
            said = _read(file)
            if (number, said) != self._seen:
                self._seen, self._since = (number, said), time.monotonic()
            # A pod runs one init container at a time: what has our name was before us.
            ours = bool(self._pod) and said.get("pod") == self._pod
            old = time.monotonic() - self._since > self._seconds
            if not (ours or old or said.get("free")):
                return None
        mine = self._folder / f"claim.{number + 1}"
        try:
            _write(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, {"pod": self._pod, "beat": 0})
        except FileExistsError:
            return None
        if _highest(self._folder) != (number + 1, mine):  # it went on while we were not looking
            mine.unlink(missing_ok=True)
            return None
        for path in self._folder.glob("claim.*"):
            if _number(path) <= number:
                path.unlink(missing_ok=True)
        return Claim(mine, self._pod, self._seconds, lost)

    def wait(self) -> None:
        """Let a moment pass."""
        time.sleep(_LOOK)


def _highest(folder: Path) -> tuple[int, Path | None]:
    found = [(_number(path), path) for path in folder.iterdir() if path.name.startswith("claim.")]
    return max(found, default=(0, None))


def _number(path: Path) -> int:
    return int(path.suffix.removeprefix("."))


def _read(file: Path) -> dict[str, object]:
    """Return what a claim says; nothing where it is just being written."""
    try:
        found = json.loads(file.read_text("utf-8"))
    except (ValueError, OSError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(file: Path, flags: int, value: dict[str, object]) -> None:
    descriptor = os.open(file, flags, 0o600)
    try:
        text = json.dumps(value).encode()
        os.pwrite(descriptor, text.ljust(400), 0)  # the same length: no half of an older one
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
