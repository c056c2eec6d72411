"""The two output streams of a process, read as they arrive."""

import os
import selectors
import subprocess
import time
from contextlib import suppress
from typing import IO

from runner.steps.listener import Listener


class Streams:
    """The two output streams of a process, read as they come; ``longest`` bytes a line, 0: any."""

    def __init__(self, process: subprocess.Popen[bytes], longest: int) -> None:
        self._process = process
        self._longest = longest
        self._selector = selectors.DefaultSelector()
        self._rest = {"stdout": b"", "stderr": b""}
        self._ended = 0.0
        for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
            if stream is not None:
                self._selector.register(stream, selectors.EVENT_READ, name)

    def read(self, seconds: float, listener: Listener) -> bool:
        """Hand over lines that arrive within ``seconds``; return whether more may come."""
        # Without streams, a selector would sleep although the process has ended.
        ready = self._selector.select(seconds) if self._selector.get_map() else []
        for key, _ in ready:
            stream: IO[bytes] = key.fileobj  # type: ignore[assignment]  # what was registered
            chunk = os.read(stream.fileno(), 1 << 16)
            *lines, self._rest[key.data] = (self._rest[key.data] + chunk).split(b"\n")
            self._rest[key.data] = self._rest[key.data][-self._longest :]
            if not chunk:
                self._selector.unregister(stream)
            for line in lines:
                self._hand_over(key.data, line, listener)
        if not self._selector.get_map():
            self._wait(seconds)
        # What it wrote right before its end may have come after the look.
        more = self._process.poll() is None or (self._is_ready() and not self._is_over(seconds))
        if not more:
            for name, rest in self._rest.items():
                self._hand_over(name, rest, listener)
            self._selector.close()
        return more

    def _is_ready(self) -> bool:
        return bool(self._selector.get_map()) and bool(self._selector.select(0))

    def _is_over(self, seconds: float) -> bool:
        # A hook's own background process may keep a stream open, and talk, forever.
        self._ended = self._ended or time.monotonic()
        return time.monotonic() - self._ended > seconds

    def _wait(self, seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def _hand_over(self, name: str, line: bytes, listener: Listener) -> None:
        text = line.decode("utf-8", "replace")
        if name == "stdout":
            listener.stdout(text)
        else:
            listener.stderr(text, time.monotonic())
