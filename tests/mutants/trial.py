"""Runs tests in a copy, and says what came of it."""

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from tests.mutants.copy import Copy
from tests.mutants.table import Fault

_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?:\[.*)?(?: - .*)?$", re.MULTILINE)
_TIMEOUT = 124
_SECONDS = 90  # a fault that makes a test wait for ever is noticed by this
# Its plugins are imported before it begins, and cannot be rewritten any more.
_OPTIONS = (
    "-x", "-q", "--tb=short", "-p", "no:cacheprovider",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip


class Verdict(StrEnum):
    """What the tests made of a fault."""

    KILLED = "killed"
    SURVIVED = "survived"
    BROKEN = "broken"  # the tests could not even be loaded, which says nothing


@dataclass(frozen=True)
class Result:
    """The end of some tests: the first that failed, or `timeout`; "" if none did."""

    verdict: Verdict
    killer: str
    output: str


@dataclass(frozen=True)
class Trial:
    """One fault's result."""

    fault: Fault
    result: Result
    seconds: float


class Worker:
    """Tries faults in a copy of its own, one after the other."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        program = copy.folder / "tests/mutants/warm.py"
        self._process = subprocess.Popen(
            (copy.python, "-I", program, copy.folder), cwd=copy.folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(copy),
        )  # fmt: skip

    def __enter__(self) -> Self:
        """End its process at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """End its process."""
        self._process.communicate()

    def attempt(self, fault: Fault) -> Trial:
        """Plant the fault and run its tests, the expected killer first."""
        began = time.monotonic()
        with self._copy.planted(fault):
            result = self.run((fault.killer,) if fault.killer else fault.tests)
            if result.verdict is not Verdict.KILLED and fault.killer:
                result = self.run(fault.tests)
        return Trial(fault, result, time.monotonic() - began)

    def run(self, tests: tuple[str, ...], seconds: int = _SECONDS) -> Result:
        """Run tests up to the first that fails."""
        words = [*_OPTIONS, *tests]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([seconds, words]) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        output = (self._copy.folder / "output").read_text("utf-8", "replace")
        if code == _TIMEOUT:
            return Result(Verdict.KILLED, "timeout", output)
        failed = _FAILED.search(output)
        if code == 1 and failed:
            return Result(Verdict.KILLED, failed[1], output)
        return Result(Verdict.BROKEN if code else Verdict.SURVIVED, "", output)


def _environment(copy: Copy) -> dict[str, str]:
    """Return ours, with the copy's programs first; nothing that leads Python elsewhere."""
    mine = {key: text for key, text in os.environ.items()
            if key not in {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}}  # fmt: skip
    return mine | {"PATH": f"{copy.python.parent}{os.pathsep}{mine['PATH']}"}
