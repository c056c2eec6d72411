"""One call of pytest, and what it tells of each test."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

FAILED, NO_TESTS = 1, 5  # of pytest's exit statuses


@dataclass(frozen=True, slots=True)
class Run:
    """How pytest ended: its exit status, and tests by their ids, with a line each."""

    status: int
    failed: Mapping[str, str] = field(default_factory=dict)
    passed: Sequence[str] = ()
    uncollected: Mapping[str, str] = field(default_factory=dict)
    exceptions: Mapping[str, str] = field(default_factory=dict)  # see tests/needs.py
    slowest: Mapping[str, float] = field(default_factory=dict)  # in seconds, the slowest first


def pytest(arguments: Sequence[str], only: Iterable[str] = ()) -> Run:
    """Run pytest; with ``only``, these tests one after the other, up to the first failure."""
    with TemporaryDirectory(prefix="tests-run-") as folder:
        record, chosen = Path(folder, "record.json"), Path(folder, "only.txt")
        words = [*arguments, f"--record={record}"]
        if tests := list(only):
            chosen.write_text("\n".join(tests))
            words += [f"--only={chosen}", "--numprocesses=0", "--maxfail=1"]
        process = subprocess.Popen(
            (sys.executable, "-m", "pytest", "-p", "tests.run.recording", *words)
        )
        status = _ended(process)
        return Run(status, **json.loads(record.read_text())) if record.exists() else Run(status)


def _ended(process: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            continue  # pytest was interrupted, too, and ends when it has cleaned up
        return status if status >= 0 else 128 - status
