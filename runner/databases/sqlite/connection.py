"""Connections to untrusted SQLite databases."""

import sqlite3

_HARDENED = (
    "trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "temp_store=MEMORY",
    "ignore_check_constraints=ON",  # they are expressions of the app's, and may run forever
)  # fmt: skip
_ON = ("DEFENSIVE",)
_OFF = (
    "ENABLE_LOAD_EXTENSION", "ENABLE_TRIGGER", "ENABLE_VIEW", "TRUSTED_SCHEMA", "WRITABLE_SCHEMA",
)  # fmt: skip


class DoubtError(Exception):
    """A database cannot be copied; the message says why."""


def connect(uri: str, busy: float) -> sqlite3.Connection:
    """Open a database without executing anything in it or attaching other files."""
    made = sqlite3.connect(uri, uri=True, timeout=busy, isolation_level=None)
    made.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in _HARDENED:
        made.execute(f"PRAGMA {pragma}")
    if hasattr(made, "setconfig"):  # Python 3.12
        for name in (*_ON, *_OFF):
            made.setconfig(getattr(sqlite3, f"SQLITE_DBCONFIG_{name}"), name in _ON)
    return made


def prove(copy: sqlite3.Connection) -> None:
    """Raise DoubtError if a copy is damaged."""
    (answer,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        why = " ".join(str(answer).split())
        raise DoubtError(f"it is damaged: {why}: check it with PRAGMA integrity_check")


def give_up(status: int, _remaining: int, _total: int) -> None:
    """Raise OperationalError once a lock was held for too long: Python would try forever."""
    if status == sqlite3.SQLITE_BUSY:
        raise sqlite3.OperationalError("database is locked")
