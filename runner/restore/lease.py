"""Decides which of several pods restores a shared volume.

The highest `claim.N` counts, and only one pod can make each number. Its owner changes it all the
time; whoever waits watches it by a clock of its own, so that no clocks are compared. NFS shows
what is new in a file to who opens it, hence a content and no time stamp.
"""

import errno
import json
import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from runner.volume import moving
from runner.volume.beneath import Folder

_BEATS = 6  # in the time after which an unchanged claim has expired
_LOOK = 0.5  # seconds between checks at another's
_LONGEST = 4096  # bytes of a claim
_NAME = re.compile(r"claim\.([1-9][0-9]{0,17})")


class Claim:
    """Our claim, kept fresh by a thread; ``lost`` is called if another pod has it."""

    def __init__(
        self, folder: Folder, number: int, pod: str, seconds: float, lost: Callable[[], None]
    ) -> None:
        self._folder = folder
        self._number = number
        self._pod = pod
        self._seconds = seconds / _BEATS
        self._lost = lost
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        beat = 0
        while not self._ended.wait(self._seconds):
            beat += 1
            with suppress(OSError):
                if _highest(self._folder) != self._number:
                    self._lost()
                    return
                _write(self._folder, self._number, os.O_WRONLY, {"pod": self._pod, "beat": beat})

    def end(self, *, free: bool = False) -> None:
        """Release it, once; ``free``: the next pod need not wait."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join()
        if free:
            with suppress(OSError):
                _write(self._folder, self._number, os.O_WRONLY, {"pod": "", "free": True})


class Waiter:
    """Takes a claim as soon as it is available."""

    def __init__(self, pod: str, seconds: float) -> None:
        self._pod = pod
        self._seconds = seconds
        self._seen: object = None
        self._since = time.monotonic()

    def take(self, folder: Folder, lost: Callable[[], None]) -> Claim | None:
        """Return our claim; None while it is another's. Raises FileNotFoundError at its end."""
        number = _highest(folder)
        if number:
            said = _read(folder, number)
            if (number, said) != self._seen:
                self._seen, self._since = (number, said), time.monotonic()
            # A pod runs one init container at a time: what has our name was before us.
            ours = bool(self._pod) and said.get("pod") == self._pod
            old = time.monotonic() - self._since > self._seconds
            if not (ours or old or said.get("free")):
                return None
        mine = number + 1
        if _number(_name(mine)) != mine:
            why = "is not a restore's lease: remove it"
            raise OSError(errno.EOVERFLOW, why, f"{folder.path}/{_name(number)}")
        try:
            _write(
                folder, mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, {"pod": self._pod, "beat": 0}
            )
        except FileExistsError:
            return None
        if _highest(folder) != mine:  # it went on while we were not looking
            moving.remove(folder, _name(mine))
            return None
        for name in folder.names():
            if 0 < _number(name) < mine:
                moving.remove(folder, name)
        return Claim(folder, mine, self._pod, self._seconds, lost)

    def wait(self) -> None:
        """Let a moment pass."""
        time.sleep(_LOOK)


def _highest(folder: Folder) -> int:
    """Return the number of the claim that counts; 0 if there is none."""
    return max(map(_number, folder.names()), default=0)


def _number(name: str) -> int:
    """Return the number of a claim; 0 for any other name."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else 0


def _name(number: int) -> str:
    return f"claim.{number}"


def _read(folder: Folder, number: int) -> dict[str, object]:
    """Return the content of a claim; nothing while it is being written."""
    try:
        text = folder.read(_name(number), _LONGEST, alone=True).decode("utf-8", "replace")
        found = json.loads(text)
    except (ValueError, OSError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(folder: Folder, number: int, flags: int, value: dict[str, object]) -> None:
    descriptor = folder.file(_name(number), flags, alone=True)
    try:
        text = json.dumps(value).encode()
        os.pwrite(descriptor, text.ljust(400), 0)  # the same length: no half of an older one
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
