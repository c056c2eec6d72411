"""What tests need of the machine, and the only place that skips a test.

Without it a test is skipped; where the variable TESTS_REQUIRE is `all`, as in CI, it fails with one
line that names what is missing. A few things no machine can be made to have: `EXCEPTIONS` lists
them, and `tests.run` prints each test that one of them left out.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import pytest

from runner.sandbox import landlock as _landlock

EXCEPTION = "not possible here: "  # begins the reason of a test that an exception left out
EXCEPTIONS = {
    "architecture": "the test knows the system calls of x86_64 and aarch64 only",
    "fuzzer": "atheris has no release for this Python and platform",
    "own-images": "another cluster runs images that were not built here",
    "own-audit-log": "the audit log of another cluster's API server is out of reach",
}


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a machine has or has not: call it in a test, or put `mark` on it."""

    what: str
    is_met: Callable[[], bool]

    @property
    def mark(self) -> pytest.MarkDecorator:
        """A decorator of tests, also for `pytestmark`; checked before their fixtures are made."""
        return pytest.mark.needs.with_args(self)

    def __call__(self) -> None:
        """Skip or fail the test where this is missing."""
        if not self.is_met():
            missing(self.what)


root = Need("root, who mounts and becomes other users", lambda: os.geteuid() == 0)
landlock = Need("Landlock of version 2 in the kernel", lambda: _landlock.version() >= 2)


def missing(what: str) -> NoReturn:
    """Skip the test for want of something; fail it where everything is required."""
    if os.environ.get("TESTS_REQUIRE") == "all":
        pytest.fail(f"missing on this machine: {what}", pytrace=False)
    pytest.skip(f"missing on this machine: {what}")


def exception(name: str) -> NoReturn:
    """Leave the test out for one of EXCEPTIONS."""
    pytest.skip(f"{EXCEPTION}{EXCEPTIONS[name]}")
