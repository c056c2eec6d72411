"""Counts, names and times of files in folders."""

import os
from contextlib import suppress
from pathlib import Path

from runner.config.model import Config


def files(path: str) -> int:
    """Return how many files there are below a folder, as far as it is readable."""
    return sum(len(names) for _, _, names in os.walk(path))


def names_in(folder: str) -> list[str]:
    """Return what is in a folder; nothing if it cannot be read."""
    try:
        return sorted(path.name for path in Path(folder).iterdir())
    except OSError:
        return []


def written(folder: str) -> dict[str, float]:
    """Return when each file in a folder was written, in epoch seconds; none if it is unreadable."""
    try:
        return {path.name: path.stat().st_mtime for path in Path(folder).iterdir()}
    except OSError:
        return {}


def password(config: Config) -> bytes:
    """Return the repository's password; b"" where only a command knows it."""
    environment = config.repository.environment
    given = environment.get("RESTIC_PASSWORD", "").encode("utf-8", "surrogateescape")
    file = environment.get("RESTIC_PASSWORD_FILE", "")
    if not given and file:
        with suppress(OSError, ValueError):  # restic says so
            given = Path(file).read_bytes()
    return given.strip(b"\r\n")
