"""Watches every command line on this machine, where secrets must not stand."""

import threading
from pathlib import Path


class Watch:
    """Collects command lines in ``seen`` while a block runs; one must hold ``expected``."""

    def __init__(self, seen: list[str], expected: str) -> None:
        self._seen = seen
        self._expected = expected
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        assert any(self._expected in text for text in self._seen), "nothing was watched"

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self._seen.append(path.read_bytes().decode("utf-8", "replace"))
                except OSError:
                    continue
