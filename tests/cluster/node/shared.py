"""What the processes of one test run have in common: the first makes it, the last removes it."""

import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"process-{os.getpid()}"


@contextmanager
def use(thing: str, make: Callable[[], bool], remove: Callable[[], None]) -> Iterator[None]:
    """Have `thing`, a word, while the context lasts.

    ``make`` tells whether it is ours: what was there before stays after the last use.
    """
    file = Path(tempfile.gettempdir()) / f"backup-webhook-{_RUN}-{thing}"
    with _locked(file) as uses:
        known = json.loads(uses.read() or "null") or {"users": 0, "ours": make()}
        _write(uses, {**known, "users": known["users"] + 1})
    try:
        yield
    finally:
        with _locked(file) as uses:
            known = json.loads(uses.read())
            last = known["users"] == 1
            if last and known["ours"]:
                remove()
            _write(uses, None if last else {**known, "users": known["users"] - 1})


@contextmanager
def _locked(file: Path) -> Iterator[TextIO]:
    with file.open("a+") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        opened.seek(0)
        yield opened


def _write(opened: TextIO, known: dict[str, object] | None) -> None:
    opened.truncate(0)
    json.dump(known, opened)
