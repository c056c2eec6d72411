"""Runs `backup-webhook coverage` periodically and keeps its result.

It runs in a separate process at the lowest priority: parsing ten thousand pods would delay
admission reviews, and the process returns its memory each time.
"""

import json
import logging
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread

from webhook.admission.model import Options

_LOG = logging.getLogger("coverage")
_LONGEST = 240.0  # seconds for one look
_OLD = 4  # looks that may fail before what was seen counts no more
_MEMORY = 128 << 20  # bytes of data; beyond, the look fails and not the webhook beside it
_COMMAND = (sys.executable, "-P", "-m", "webhook", "coverage", "--summary", "--output", "json")
_USUAL = (0, 1)  # exit status without and with gaps


class LookError(Exception):
    """The scan failed; the message says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Pods by namespace and reason, unused claims by namespace, and when that was (Unix time)."""

    pods: Mapping[tuple[str, str], int]
    claims: Mapping[str, int]
    at: float


class BackgroundScan:
    """Scans every ``seconds`` until stopped; a failed scan changes nothing."""

    def __init__(self, options: Options, seconds: float) -> None:
        self._command = (*_COMMAND, *flags(options))
        self._seconds = seconds
        self._seen: Seen | None = None
        self._process: subprocess.Popen[str] | None = None
        self._stopped = Event()

    @property
    def seen(self) -> Seen | None:
        """The last result; None if it is too old."""
        found = self._seen
        return found if found and time.time() - found.at < _OLD * self._seconds + _LONGEST else None

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        Thread(target=self._run, name="coverage-scan", daemon=True).start()

    def stop(self) -> None:
        """Stop a scan in progress, and start no more."""
        self._stopped.set()
        if process := self._process:  # once: it may end meanwhile
            process.kill()

    def _run(self) -> None:
        said = ""
        while not self._stopped.is_set():
            try:
                self._seen, problem = self._look(), ""
            except (LookError, OSError) as error:
                problem = str(error)
            if problem and problem != said and not self._stopped.is_set():
                _LOG.warning("coverage", extra={"fields": {"problem": problem}})
            said = problem
            self._stopped.wait(self._seconds)

    def _look(self) -> Seen:
        with subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            self._process = process
            if self._stopped.is_set():  # just before it was known
                process.kill()
            _restrain(process.pid)
            try:
                out, err = process.communicate(timeout=_LONGEST)
            except subprocess.TimeoutExpired:
                process.kill()
                raise LookError(f"it took more than {_LONGEST:.0f} seconds") from None
            finally:
                self._process = None
        if process.returncode not in _USUAL or not out:
            last = err.strip().rpartition("\n")[2]
            raise LookError(last or f"it exited with status {process.returncode}")
        return _read(out)


def _read(summary: str) -> Seen:
    try:
        found = json.loads(summary)
        return Seen(
            {(each["namespace"], each["reason"]): each["pods"] for each in found["counts"]},
            {each["namespace"]: each["claims"] for each in found["unused"]},
            time.time(),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise LookError(f"no summary: {type(error).__name__}") from error


def _restrain(pid: int) -> None:
    """Lower the priority below all other work on the machine, and limit memory."""
    with suppress(OSError):  # it may have ended
        os.setpriority(os.PRIO_PROCESS, pid, 19)
        if sys.platform == "linux":
            resource.prlimit(pid, resource.RLIMIT_DATA, (_MEMORY, _MEMORY))


def flags(options: Options) -> tuple[str, ...]:
    """Return the flags by which the command judges as this process would."""
    return (
        f"--image={options.image}",
        f"--database-image={options.database_image or 'none'}",
        f"--defaults={json.dumps(dict(options.defaults))}",
        f"--excluded-namespaces={','.join(sorted(options.excluded_namespaces))}",
        f"--secrets={','.join(sorted(options.secrets))}",
        f"--enabled={options.enabled}",
        f"--left-out={','.join(sorted(options.left_out))}",
    )
