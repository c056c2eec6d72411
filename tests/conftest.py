"""Every test starts from the same environment: our programs on PATH, nobody's settings."""

import os
import sys
from pathlib import Path

import pytest

from tests.cluster.settings import CACHE

_SETTINGS = ("AWS_", "BACKUP_", "KEEP_", "NTFY_", "PUSHGATEWAY_", "RESTIC_")

_QUICK = CACHE / "tests"  # where tests/run/restic.sh puts its restic


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark of tests.needs known."""
    config.addinivalue_line("markers", "needs(need): needs something of the machine")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Check what a test needs before its fixtures are made."""
    for mark in item.iter_markers("needs"):
        mark.args[0]()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no variable that our programs read, and put their scripts first on PATH."""
    for key in tuple(os.environ):
        if key.startswith(_SETTINGS):
            monkeypatch.delenv(key)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    if (_QUICK / "restic").exists():
        monkeypatch.setenv("PATH", str(_QUICK), prepend=os.pathsep)


@pytest.fixture
def released_restic(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the restic that users have, whose passwords take time and memory."""
    del clean_environment
    others = [each for each in os.environ["PATH"].split(os.pathsep) if each != str(_QUICK)]
    monkeypatch.setenv("PATH", os.pathsep.join(others))
