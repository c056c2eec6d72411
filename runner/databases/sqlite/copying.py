"""Copies or checks one SQLite database in a confined process.

A database and the files beside it are untrusted. SQLite gets the open database, not its name, and
what it opens is compared with the files that were checked before.
"""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from contract.units import size
from runner.databases.sqlite.connection import DoubtError, connect, give_up, prove
from runner.process import cgroup
from runner.sandbox import landlock
from runner.volume import held_files
from runner.volume.globs import File
from runner.volume.held_files import Held, IrregularError

MAGIC = b"SQLite format 3\0"
BESIDE = ("-wal", "-shm", "-journal")
NAME = "database"  # of the copy while it is made
_CONTENT = ("", "-wal", "-journal")  # what a database needs to be whole
_JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
_CHUNK = 1 << 20
_NEAR = 1 << 17  # bytes below its bound at which a file counts as one that reached it
_FILES = 64  # descriptors of this process
MAKE_ROOM = "narrow backup.sqlite, or let the app write a copy into its volume (VACUUM INTO)"


class AgainError(Exception):
    """It changed meanwhile, and may be copied at the next try."""


@dataclass(slots=True)
class Copying:
    """Makes one copy in the folder ``part``, which nobody else writes to.

    ``left``: bytes that it may take, and what they are, such as "left for copies". ``busy``:
    seconds that a writer may hold its lock.
    """

    file: File
    part: str
    left: int
    room: str
    busy: float
    _held: dict[str, Held] = field(default_factory=dict)
    _own: frozenset[int] = frozenset()

    def copy(self) -> None:
        """Copy; raise DoubtError, AgainError, sqlite3.Error or OSError if there is no copy."""
        here = held_files.folder(self.file.root, self.file.parts)
        self._held = dict(self._hold(here))
        if not self._held:
            raise AgainError("it is gone")
        needed = sum(self._held[end].found.st_size for end in _CONTENT if end in self._held)
        if needed > self.left:
            raise DoubtError(self._too_large(f"its {size(needed)} are"))
        cgroup.file_size(self.left)
        parts = os.open(self.part, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        landlock.only([each.descriptor for each in self._held.values()], [parts])
        self._own = frozenset(_open_files())
        try:
            self._live(here)
        except sqlite3.OperationalError as error:
            self._raise_if_full(error, self.left)
            _empty(self.part)
            self._stand(here)
        self._unchanged(here)
        self._as_the_original()

    def _hold(self, here: int) -> Iterator[tuple[str, Held]]:
        for end in ("", *BESIDE):
            name = f"{self.file.name}{end}"
            try:
                held = held_files.hold(name, here)
            except IrregularError as error:
                beside = f"{name} beside it" if end else "it"
                raise DoubtError(f"{beside} {error}: remove it, or narrow backup.sqlite") from None
            if held is not None:
                yield end, held
            elif not end:
                return

    def _live(self, here: int) -> None:
        """Copy the database in place, in one step, as SQLite reads it; verify the copy."""
        # Without write access, as on the sidecar's own mount, also where there is some.
        path = f"/proc/self/fd/{here}/{self.file.name}"
        uri = f"file:{quote(path)}?mode=ro&readonly_shm=1"
        with (
            closing(connect(uri, self.busy)) as live,
            closing(connect(f"file:{quote(self._target)}?mode=rwc", 0)) as copy,
        ):
            live.execute("BEGIN")
            live.execute("PRAGMA user_version").fetchone()  # opens all that it reads from
            self._nothing_else_is_open()
            copy.execute("PRAGMA journal_mode=MEMORY")
            copy.execute("PRAGMA synchronous=OFF")  # it lasts no longer than this run
            live.backup(copy, progress=give_up)
            self._nothing_else_is_open()
            prove(copy)

    def _stand(self, here: int) -> None:
        """Copy the files of a database without a writer, and let SQLite open the copy."""
        for end in _CONTENT:
            if end in self._held:
                _copy_file(self._held[end], f"{self._target}{end}")
        self._unchanged(here, content=True)
        if _names_another(f"{self._target}-journal"):
            why = "its -journal belongs to a transaction over several databases"
            raise DoubtError(f"{why}: start its app once to complete the transaction")
        beside = sum(os.lstat(f"{self._target}{end}").st_size
                     for end in _CONTENT[1:] if end in self._held)  # fmt: skip
        most = max(0, self.left - beside)
        cgroup.file_size(most)
        try:
            with closing(connect(f"file:{quote(self._target)}?mode=rw", 0)) as copy:
                prove(copy)
                copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError as error:
            self._raise_if_full(error, most)
            raise
        for end in BESIDE:
            with suppress(FileNotFoundError):
                if end == "-wal" and os.lstat(f"{self._target}{end}").st_size:
                    raise DoubtError("its -wal cannot be applied to the copy")
                Path(f"{self._target}{end}").unlink()

    def _unchanged(self, here: int, *, content: bool = False) -> None:
        """Raise AgainError if the files were replaced or changed."""
        for end in _CONTENT if content else ("",):
            held = self._held.get(end)
            before = held and held_files.version(held.found)
            after = _version(f"{self.file.name}{end}", here)
            if before != after and (content or (before or ())[:2] != (after or ())[:2]):
                raise AgainError("it cannot be opened, and its files keep changing")

    def _nothing_else_is_open(self) -> None:
        """Raise AgainError if SQLite opened a file other than those that were checked."""
        known = {held_files.version(held.found)[:2] for held in self._held.values()}
        with os.scandir(self.part) as entries:
            known |= {(found.st_dev, found.st_ino) for found in (each.stat() for each in entries)}
        for number, found in _open_files().items():
            ours = number in self._own or not stat.S_ISREG(found.st_mode)
            if not ours and (found.st_dev, found.st_ino) not in known:
                raise AgainError("its files are replaced constantly")

    def _raise_if_full(self, error: sqlite3.Error, most: int) -> None:
        """Raise DoubtError if the copy has reached its maximum size."""
        with suppress(FileNotFoundError):
            if os.lstat(self._target).st_size + _NEAR > most:
                raise DoubtError(self._too_large("its copy takes")) from error

    def _too_large(self, what: str) -> str:
        return f"{what} more than the {size(self.left)} {self.room}: {MAKE_ROOM}"

    def _as_the_original(self) -> None:
        original = self._held[""]
        shutil.copystat(original.path, self._target)
        with suppress(OSError):
            os.chown(self._target, original.found.st_uid, original.found.st_gid)

    @property
    def _target(self) -> str:
        return f"{self.part}/{NAME}"


def is_database(held: Held) -> bool:
    """Whether a file begins as SQLite's do."""
    with os.fdopen(held.open(), "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def integrity(path: str) -> str:
    """Return ``ok`` or the damage of a database that is not in use."""
    above, _, name = path.rpartition("/")
    here = held_files.folder(above or "/", ())
    try:
        held = held_files.hold(name, here)
    except IrregularError as error:
        return str(error)
    if held is None:
        return "is gone"
    landlock.only([held.descriptor], [])
    with closing(connect(f"file:{quote(path)}?immutable=1", 0)) as database:
        (answer,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    return str(answer)


def _copy_file(held: Held, target: str) -> None:
    """Copy a file up to its size at the start, with its holes."""
    left = held.found.st_size
    zeros = bytes(_CHUNK)
    with os.fdopen(held.open(), "rb") as source, Path(target).open("wb") as copy:
        while left > 0 and (chunk := source.read(min(left, _CHUNK))):
            left -= len(chunk)
            if chunk == zeros[: len(chunk)]:
                copy.seek(len(chunk), os.SEEK_CUR)
            else:
                copy.write(chunk)
        copy.truncate()


def _names_another(journal: str) -> bool:
    """Whether a journal names a super-journal, which SQLite would open and delete."""
    with suppress(FileNotFoundError), Path(journal).open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - len(_JOURNAL_MAGIC)))
        return file.read() == _JOURNAL_MAGIC
    return False


def _version(name: str, here: int) -> held_files.Version | None:
    with suppress(FileNotFoundError):
        return held_files.version(os.stat(name, dir_fd=here, follow_symlinks=False))
    return None


def _open_files() -> Mapping[int, os.stat_result]:
    """Return the descriptors of this process, and the files that they refer to."""
    found = {}
    for number in range(_FILES):
        with suppress(OSError):
            found[number] = os.fstat(number)
    return found


def _empty(folder: str) -> None:
    with os.scandir(folder) as entries:
        for each in entries:
            Path(each.path).unlink()
