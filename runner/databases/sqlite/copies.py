"""Consistent copies of SQLite databases while apps write to them.

A copied file of a live database is corrupt: `Connection.backup` in one step is not, also from a
read-only mount. Where SQLite cannot open a database there (it would have to make a -shm file, or
roll a crashed transaction back), its files are copied as they stand and opened in scratch.

Databases are untrusted, so another process opens them, see `copier`.
"""

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from runner.databases.sqlite.copier import PART
from runner.process.folders import scratch as scratches
from runner.restic.commands import literal
from runner.steps.evaluate import Copies
from runner.volume.globs import File

LEFT_OUT = ("", "-wal", "-shm", "-journal")  # what the copy stands for
_PROGRAM = ("-m", "runner.databases.sqlite.copier")
_MOST = 1000  # databases: restic compares each file with four patterns for each of them
_BUSY = 30.0  # seconds that a writer may hold its lock
_EACH = 300.0  # seconds that one database may take
_ALL = 900.0  # seconds that all may take
_GRACE = 30.0  # seconds that the other process may take longer
_LOOK = 0.5  # seconds
_ARGUMENTS = 1 << 16  # bytes of patterns; more of them go into a file
_PATTERNS = "sqlite.exclude"

Message = dict[str, Any]


def copy_all(
    sources: Mapping[str, str],
    globs: Sequence[str],
    scratch: Path,
    bound: int,
    stopped: Callable[[], bool],
    files: Sequence[File] = (),
) -> Copies:
    """Copy all databases below ``sources`` that match, and ``files``, into ``scratch``.

    They take ``bound`` bytes at most. With each source comes the folder that links in its path must
    not leave, "" for any.
    """
    scratch.parent.mkdir(parents=True, exist_ok=True)
    job = {
        "sources": dict(sources), "globs": list(globs), "scratch": str(scratch), "most": _MOST,
        "left": bound, "files": [[file.path, file.root, file.parts] for file in files],
        "reserve": scratches.reserve(scratch.parent), "busy": _BUSY, "each": _EACH, "all": _ALL,
    }  # fmt: skip
    excludes: list[str] = []
    doubts: list[str] = []
    notes: list[str] = []
    ended = False
    for told in _told(job, _ALL + _GRACE, stopped):
        if path := told.get("copied"):
            excludes += [literal(f"{path}{end}") for end in LEFT_OUT]
        doubts += [told["doubt"]] if "doubt" in told else []
        notes += _notes(told)
        ended = ended or "end" in told
    shutil.rmtree(scratch.with_name(PART), ignore_errors=True)
    if not ended and not stopped():
        what = "databases not listed as copied are backed up as ordinary files"
        doubts.append(f"copying databases was stopped early; {what}: narrow backup.sqlite")
    folder = str(scratch) if excludes else ""
    patterns = _patterns(scratch.with_name(_PATTERNS), excludes)
    return Copies(folder, tuple(excludes), tuple(doubts), tuple(notes), patterns)


def integrity(paths: Iterable[str], stopped: Callable[[], bool] = lambda: False) -> dict[str, str]:
    """Return ``ok`` or the damage of each database, none of which is in use.

    One that is not in the answer could not be checked.
    """
    asked = list(paths)
    seconds = min(_ALL, len(asked) * _EACH) + _GRACE
    told = _told({"check": asked, "each": _EACH}, seconds, stopped)
    return {each["path"]: each["answer"] for each in told if "path" in each}


def original(path: str, scratch: str) -> str:
    """Return where a copy in a snapshot came from, and has to be restored to."""
    return "/" + path.removeprefix(scratch).lstrip("/")


def _notes(told: Message) -> Iterator[str]:
    """Yield a line about each glob that matches nothing, and about files that are no database."""
    for glob in told.get("idle", ()):
        yield (
            f"{glob!r}: matches no file; write a glob relative to the volume's root, such as "
            f"**/*.db"
        )
    if named := told.get("others"):
        yield (
            f"matches files that are not SQLite databases (encrypted?) and are not copied: {named}"
        )


def _patterns(file: Path, excludes: Sequence[str]) -> str:
    """Write patterns into a file if they are too many for a command line; return its path."""
    if sum(len(os.fsencode(each)) for each in excludes) <= _ARGUMENTS:
        return ""
    file.write_bytes(os.fsencode("".join(f"{_line(each)}\n" for each in excludes)))
    return str(file)


def _line(pattern: str) -> str:
    # A line is cut at its end, and variables are expanded in it.
    text = pattern.replace("$", "$$").replace("\n", "[\t-\v]")
    return f"{text[:-1]}[{text[-1]}]" if text[-1:].isspace() else text


def _told(asked: Message, seconds: float, stopped: Callable[[], bool]) -> Iterator[Message]:
    """Yield the messages of the worker; it is stopped after ``seconds``, and when we are."""
    ends = time.monotonic() + seconds
    if stopped():
        return
    with subprocess.Popen(
        (sys.executable, "-P", *_PROGRAM),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=_environment(), start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None  # noqa: S101 -- narrows the type; both are pipes
        assert process.stdout is not None  # noqa: S101 -- as above
        try:
            with suppress(BrokenPipeError), process.stdin as given:
                given.write(json.dumps(asked).encode())
            rest = b""
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                while not stopped() and time.monotonic() < ends:
                    if selector.select(_LOOK):
                        chunk = os.read(process.stdout.fileno(), 1 << 16)
                        if not chunk:
                            return
                        *lines, rest = (rest + chunk).split(b"\n")
                        yield from map(json.loads, lines)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """Return the environment of the worker: the path of our code, and nothing of the Secret."""
    kept = {key: os.environ[key] for key in ("PYTHONDONTWRITEBYTECODE",) if key in os.environ}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[1]), "LC_ALL": "C.UTF-8"}
