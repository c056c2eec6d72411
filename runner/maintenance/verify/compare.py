"""Compares what a drill restored with the live files; read-only."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from contract.text import counted
from runner.maintenance.verify.sample import File, Tried

_CHUNK = 1 << 20

Live = Callable[[str], int]
"""Opens a live file by its path in the snapshot; raises OSError."""


def look(
    files: tuple[File, ...], folder: Path, copies: str, stopped: Callable[[], bool],
    live: Live,
) -> Iterator[Tried]:  # fmt: skip
    """Compare each file, restored below ``folder``, with the live one, if that is unchanged.

    Below ``copies`` lie databases. Nothing more comes where it was ``stopped``.
    """
    answers = _databases([f"{folder}{file.path}" for file in files
                          if file.path.startswith(f"{copies}/")], stopped)  # fmt: skip
    for file in files:
        if stopped():
            return
        try:
            yield _look(file, Path(f"{folder}{file.path}"), answers, live)
        except OSError as error:
            yield Tried(file, f"cannot be compared: {error.strerror}")


def _look(file: File, path: Path, answers: Mapping[str, str], live: Live) -> Tried:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return Tried(file, "is in the snapshot and was not restored")
    if not stat.S_ISREG(found.st_mode):
        return Tried(file, "was not restored as a file")
    if found.st_size != file.size:
        return Tried(
            file, f"was restored with {counted(found.st_size, 'byte')} instead of {file.size}"
        )
    if str(path) not in answers:
        return _beside(file, path, live)
    if (answer := answers[str(path)]) != "ok":
        return Tried(file, f"is not an intact database: {answer}")
    return Tried(file, sound=True)


def _databases(paths: list[str], stopped: Callable[[], bool]) -> dict[str, str]:
    """Return the result of SQLite's integrity check for each restored database."""
    if not paths:
        return {}
    from runner.databases.sqlite import copies as sqlite_copies  # noqa: PLC0415 -- imported only when needed: it costs memory

    answers = sqlite_copies.integrity(paths, stopped)
    return {path: answers.get(path, "it cannot be checked") for path in paths}


def _beside(file: File, path: Path, live: Live) -> Tried:
    try:
        opened = os.fdopen(live(file.path), "rb")
    except OSError:
        return Tried(file)  # it is gone, or not for us
    with opened, path.open("rb") as restored:
        if not _unchanged(file, opened):
            return Tried(file)
        same = _same(opened, restored)
        if not _unchanged(file, opened):
            return Tried(file)
    if same:
        return Tried(file, compared=True)
    return Tried(
        file, "was restored with different content, although the live file has not changed since"
    )


def _unchanged(file: File, live: BinaryIO) -> bool:
    now = os.fstat(live.fileno())
    return (
        stat.S_ISREG(now.st_mode)
        and now.st_size == file.size
        and now.st_mtime_ns // 1000 == file.mtime
    )


def _same(live: BinaryIO, restored: BinaryIO) -> bool:
    while True:
        ours, theirs = live.read(_CHUNK), restored.read(_CHUNK)
        if ours != theirs:
            return False
        if not ours:
            return True
