"""Finds data folders in the volumes that other database servers in the pod use."""

import fcntl
import os
import re
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from runner.databases import client_process
from runner.databases.client_process import DumpError
from runner.databases.clients import Client
from runner.databases.files import data_folders
from runner.databases.files.data_folders import small
from runner.databases.server import catalog
from runner.volume.beneath import Folder

_LISTENS = "0A"  # how /proc/net/tcp writes it
_LOCKED_FILES = ("ibdata1", "aria_log_control")
_FLOCK = "hhqqi4x"  # struct flock of Linux
_ANSWERS, _ALL_ANSWER = 1.0, 15.0  # seconds that a port, and all of them, may take for an answer
_FRESH = 86400  # seconds; a Redis that has something to save does so within an hour
_LOOPBACK = ("-h", "127.0.0.1", "-p")
_REDIS = re.compile(r"# Server\b|(NOAUTH|NOPERM|LOADING)\b")


def uses(name: str, folder: Folder, own_port: str) -> bool:
    """Whether a server in this pod, other than the one at ``own_port``, uses a folder.

    Its files say where it listens, or it holds a lock on them. Redis leaves no such trace: another
    one in the pod says what its folder is, or else it counts when the files were written.
    """
    if name == "mysql":
        return any(_is_locked(folder, each) for each in _LOCKED_FILES)
    if name == "postgres":
        return _postgres_listens(folder, own_port)
    return any(_is_redis_of(folder, port) for port in _redis_ports() - {own_port})


def listening() -> set[str]:
    """Return the TCP ports of this pod with a listener."""
    found = set()
    for line in (*_lines("/proc/net/tcp"), *_lines("/proc/net/tcp6")):
        words = line.split()
        if len(words) > 3 and words[3] == _LISTENS:
            found.add(str(int(words[1].rpartition(":")[2], 16)))
    return found


def _lines(path: str) -> Iterator[str]:
    with suppress(OSError):
        yield from Path(path).read_text("utf-8", "replace").splitlines()[1:]


def _postgres_listens(folder: Folder, own_port: str) -> bool:
    # Line 4 is its port, line 5 the folder of its socket.
    lines = small(folder, "postmaster.pid").decode("utf-8", "replace").splitlines()
    port, at = (lines[3].strip(), lines[4].strip()) if len(lines) > 4 else ("", "")
    if not port or port == own_port:
        return False
    socket = f"{at}/.s.PGSQL.{port}"
    return port in listening() or any(line.endswith(socket) for line in _lines("/proc/net/unix"))


def _is_locked(folder: Folder, name: str) -> bool:
    """Whether a process holds a lock on a file, as servers do on theirs while they run."""
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        number = folder.file(name)
    except OSError:
        return False
    try:
        kind: int = struct.unpack(_FLOCK, fcntl.fcntl(number, fcntl.F_GETLK, asked))[0]
    except OSError:  # the file system knows no locks
        return False
    finally:
        os.close(number)
    return kind != fcntl.F_UNLCK


@lru_cache(maxsize=1)
def _redis_ports() -> frozenset[str]:
    """Return the ports of running Redis servers except sentinels, which hold no data."""
    ends, found = time.monotonic() + _ALL_ANSWER, set()
    for port in sorted(listening(), key=int):
        answer = _ask(port, "INFO", "server") if time.monotonic() < ends else ""
        if _REDIS.match(answer) and "redis_mode:sentinel" not in answer:
            found.add(port)
    return frozenset(found)


def _is_redis_of(folder: Folder, port: str) -> bool:
    client = Client(dump=("redis-cli", *_LOOPBACK, port, "", ""))
    try:
        report = catalog.survey("redis", client, "")
    except DumpError:
        return False
    if report.folder:
        return data_folders.is_of("redis", folder, report, (folder.path,))
    # It asks for a password that is not ours to try.
    return data_folders.written(folder) > time.time() - _FRESH


def _ask(port: str, *words: str) -> str:
    try:
        return client_process.probe(("redis-cli", *_LOOPBACK, port, *words), _ANSWERS)
    except DumpError:
        return ""
