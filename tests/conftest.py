"""Every test starts from the same environment: our programs on PATH, nobody's settings."""

import os
import sys
from pathlib import Path

import pytest

_SETTINGS = ("AWS_", "BACKUP_", "KEEP_", "NTFY_", "PUSHGATEWAY_", "RESTIC_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no variable that our programs read, and put their scripts first on PATH."""
    for key in tuple(os.environ):
        if key.startswith(_SETTINGS):
            monkeypatch.delenv(key)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
