"""The list of tests that failed and passed on the same code: dist/flaky.txt, a line an event."""

import fcntl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Event:
    """A test that failed once: its id, and the first failure in a line."""

    test: str
    failure: str

    def __str__(self) -> str:
        return f"{self.test}: {self.failure}"


def tests(file: Path) -> set[str]:
    """Return the tests that a list names."""
    if not file.exists():
        return set()
    return {line.split("\t")[1] for line in file.read_text().splitlines() if "\t" in line}


def add(file: Path, events: Iterable[Event]) -> None:
    """Append events to a list, which other runs may do at the same time."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        for event in events:
            opened.write("\t".join((now, event.test, " ".join(event.failure.split()))) + "\n")
