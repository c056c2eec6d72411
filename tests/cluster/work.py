"""Long work and waiting: with progress, one process at a time, and an end to each wait."""

import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_TELL_EVERY = 30.0  # seconds between two lines of progress
# Seconds between two looks at something that reports no event: a twentieth of what was waited.
# Each may start a process, which takes processors from what is waited for.
_LOOK_AFTER, _LOOK_WITHIN = 0.05, 0.5
_TAIL = 4000  # characters of output that an error shows


class WorkError(Exception):
    """A command failed or a wait ended without what it waited for; the text tells all."""


def spent(since: float) -> str:
    """Return the time since `since` (of time.monotonic) as text, such as `2m05s`."""
    minutes, seconds = divmod(round(time.monotonic() - since), 60)
    return f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"


def long(
    label: str,
    argv: Sequence[str | Path],
    log: Path,
    folder: Path,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a command in `folder` that takes minutes, at low priority; tell how long it takes.

    Its output goes to the file `log`. Raises WorkError with the end of it.
    """
    print(f"{label} ...", flush=True)
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["nice", *argv],
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while True:
                try:
                    code = process.wait(_TELL_EVERY)
                    break
                except subprocess.TimeoutExpired:
                    print(f"{label} ... {spent(began)}", flush=True)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if code != 0:
        raise WorkError(f"{label} failed ({argv[0]} ended with {code}):\n{tail(log)}")
    print(f"{label}: done in {spent(began)}", flush=True)


def tail(log: Path) -> str:
    """Return the end of a log file; empty where there is none."""
    if not log.exists():
        return ""
    return log.read_text(errors="replace")[-_TAIL:]


def until(condition: Callable[[], bool], what: str, timeout: float) -> None:
    """Look again and again until `condition` holds: for what has no event to wait for.

    `timeout` in seconds. Raises WorkError that names `what`.
    """
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        if waited > timeout:
            raise WorkError(f"waited {timeout:.0f} s in vain until {what}")
        time.sleep(min(max(waited / 20, _LOOK_AFTER), _LOOK_WITHIN))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold `folder` against other processes of ours that would write to it; create it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
