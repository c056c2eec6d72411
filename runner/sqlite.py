"""Consistent copies of SQLite databases while apps write to them.

A copied file of a live database is corrupt: `Connection.backup` in one step is not, also from a
read-only mount. Where SQLite cannot open a database there (it would have to make a -shm file, or
roll a crashed transaction back), its files are copied as they stand and opened in scratch.
"""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from contract.wording import listed
from runner.judge import Copies
from runner.outcome import size
from runner.steps import literal

_MAGIC = b"SQLite format 3\0"
_BESIDE = ("-wal", "-journal")  # what a database needs to be whole
LEFT_OUT = ("", "-wal", "-shm", "-journal")  # what the copy stands for
_BUSY = 30.0  # seconds that a writer may hold its lock
_TRIES = 5  # copies of files that change meanwhile


class _DoubtError(Exception):
    """No copy of a database can be had; the message says why."""


def copy_all(
    sources: Iterable[str],
    globs: Sequence[str],
    scratch: Path,
    bound: int,
    stopped: Callable[[], bool],
) -> Copies:
    """Copy all databases below ``sources`` that match into ``scratch``, ``bound`` bytes at most."""
    excludes: list[str] = []
    doubts: list[str] = []
    left, notes = bound, _Notes(globs)
    for database in _databases(sources, globs, notes):
        if stopped():
            break
        target = scratch / str(database).lstrip("/")
        try:
            left -= _room(database, left)
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(database, target)
        except (_DoubtError, sqlite3.Error, OSError) as error:
            target.unlink(missing_ok=True)
            doubts.append(f"{database} is not copied consistently: {error}")
        else:
            excludes += [literal(f"{database}{end}") for end in LEFT_OUT]
    folder = str(scratch) if excludes else ""
    return Copies(folder, tuple(excludes), tuple(doubts), tuple(notes.lines()))


def integrity(path: Path) -> str:
    """Return ``ok``, or what is wrong with a database that nobody uses."""
    try:
        uri = f"file:{quote(str(path))}?immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            (answer,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return str(answer)


def original(path: str, scratch: str) -> str:
    """Return where a copy in a snapshot came from, and has to be restored to."""
    return "/" + path.removeprefix(scratch).lstrip("/")


@dataclass(slots=True)
class _Notes:
    """What has no part in the copying: globs that match nothing, and files that are no database."""

    idle: Sequence[str]
    others: list[Path] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yield a line about each."""
        for glob in self.idle:
            yield f"{glob!r}: matches no file: write a glob from the volume's root, such as **/*.db"
        if self.others:
            named = listed([str(path) for path in self.others])
            yield f"matches what is no SQLite database (encrypted?), and is not copied: {named}"


def _databases(sources: Iterable[str], globs: Sequence[str], notes: _Notes) -> Iterator[Path]:
    sources = list(sources)
    matched = {glob: {path for each in sources for path in _matches(Path(each), glob)}
               for glob in globs}  # fmt: skip
    # One of several may be for what other apps have, or for what comes later.
    notes.idle = [] if any(matched.values()) else list(matched)
    found = sorted(set().union(*matched.values()))
    # What lies beside a database belongs to it, and what is empty may become one.
    ours = {path for path in found if _is_database(path)}
    notes.others = [
        path for path in found if path not in ours and _is_filled(path) and not _is_beside(path)
    ]
    return iter(sorted(ours))


def _is_filled(path: Path) -> bool:
    """Whether it is a file with content, or a pipe, a socket or a device."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return found.st_size > 0 if stat.S_ISREG(found.st_mode) else not stat.S_ISDIR(found.st_mode)


def _is_beside(path: Path) -> bool:
    return any(
        path.name.endswith(end) and _is_database(path.with_name(path.name.removesuffix(end)))
        for end in LEFT_OUT[1:]
    )


def _matches(source: Path, glob: str) -> Iterator[Path]:
    root = source.resolve()
    for path in source.glob(glob):
        # No link leads us out of what the app backs up.
        if path.resolve().is_relative_to(root) and not path.is_symlink():
            yield path


def _is_database(path: Path) -> bool:
    # Names are the app's: to open a pipe would wait for ever, and a link leads elsewhere.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        if not stat.S_ISREG(path.lstat().st_mode):  # to open a device may do something
            return False
        with os.fdopen(os.open(path, flags), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            return regular and file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False  # restic names what cannot be read


def _room(database: Path, left: int) -> int:
    """Return the bytes that a copy takes; raise _DoubtError where they are more than ``left``.

    SQLite opens whatever lies beside a database by its name, and would wait for ever for a pipe.
    """
    for end in LEFT_OUT[1:]:
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(f"{database}{end}").st_mode):
                raise _DoubtError(f"{database.name}{end} beside it is no regular file")
    needed = sum(file.stat().st_size for file in _files(database))
    if needed > left:
        raise _DoubtError(f"its {size(needed)} are more than the {size(left)} left for copies")
    return needed


def _files(database: Path) -> list[Path]:
    beside = [Path(f"{database}{end}") for end in _BESIDE]
    return [database, *(file for file in beside if file.exists())]


def _copy(database: Path, target: Path) -> None:
    before = database.stat()
    try:
        _take(f"file:{quote(str(database))}?mode=ro", target)
    except sqlite3.OperationalError:
        target.unlink(missing_ok=True)
        aside = target.with_name(f"{target.name}.aside")
        aside.mkdir()
        try:
            _take(f"file:{quote(str(_stand(database, aside)))}", target)
        finally:
            shutil.rmtree(aside)
    shutil.copystat(database, target)
    with suppress(OSError):
        os.chown(target, before.st_uid, before.st_gid)


def _take(uri: str, target: Path) -> None:
    """Copy what one SQLite connection sees, in one step; prove the copy."""
    with (
        closing(sqlite3.connect(uri, uri=True, timeout=_BUSY)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy, progress=_give_up)
        (answer,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise _DoubtError(f"it is damaged: {answer}")


def _give_up(status: int, _remaining: int, _total: int) -> None:
    """Raise OperationalError once a lock was held for _BUSY: Python would try for ever."""
    if status == sqlite3.SQLITE_BUSY:
        raise sqlite3.OperationalError("database is locked")


def _stand(database: Path, folder: Path) -> Path:
    """Copy the files of a database that nobody writes; raise _DoubtError where somebody does."""
    for _ in range(_TRIES):
        files = _files(database)
        before = [(file.name, file.stat()) for file in files]
        for file in files:
            shutil.copyfile(file, folder / file.name)
        after = [(file.name, file.stat()) for file in _files(database)]
        if [_version(*each) for each in before] == [_version(*each) for each in after]:
            return folder / database.name
        for file in folder.iterdir():
            file.unlink()
    raise _DoubtError("it cannot be opened here, and its files change all the time")


def _version(name: str, found: os.stat_result) -> tuple[str, int, int, int]:
    return name, found.st_ino, found.st_size, found.st_mtime_ns
