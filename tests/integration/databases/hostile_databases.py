"""Databases that an app makes to harm whoever copies them, and what is no database at all."""

import os
import random
import socket
import sqlite3
import stat
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

PAGES = 400_000  # of 4 KiB: more than the bound of all copies
MARK = "not of this volume"
_JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
_FRAME = 24


def sound(path: Path, *schema: str, mark: str = "", rows: int = 50) -> Path:
    """Make a sound database with a table, and whatever else the schema says."""
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE t (a, b)")
        for each in schema:
            made.execute(each)
        made.executemany("INSERT INTO t (a, b) VALUES (?, ?)", [(n, mark) for n in range(rows)])
        made.commit()
    return path


@contextmanager
def written(path: Path, mark: str) -> Iterator[None]:
    """Let an app have a database open of which rows are in the write-ahead log alone."""
    with closing(sqlite3.connect(path)) as app:
        app.execute("PRAGMA journal_mode=WAL")
        app.execute("CREATE TABLE t (a)")
        app.executemany("INSERT INTO t VALUES (?)", [(mark,)] * 50)
        app.commit()
        yield


def wal_bomb(path: Path) -> Path:
    """Make a database of 8 KiB whose write-ahead log says that it has PAGES."""
    plain = path.with_name(f"{path.name}.plain")
    with closing(sqlite3.connect(plain)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE t (a)")
        made.commit()
        path.write_bytes(plain.read_bytes())
        wal = bytearray(Path(f"{plain}-wal").read_bytes())
    for end in ("", "-wal", "-shm"):
        Path(f"{plain}{end}").unlink(missing_ok=True)
    magic, _, page = struct.unpack(">III", wal[:12])
    order = ">" if magic & 1 else "<"
    sums = struct.unpack(">II", wal[24:32])
    for at in range(32, len(wal), _FRAME + page):
        head = wal[at : at + _FRAME]
        body = wal[at + _FRAME : at + _FRAME + page]
        number, size = struct.unpack(">II", head[:8])
        if size:
            struct.pack_into(">I", head, 4, PAGES)
        if number == 1:
            struct.pack_into(">I", body, 28, PAGES)
        sums = _sums(bytes(head[:8]) + bytes(body), order, sums)
        struct.pack_into(">II", head, 16, *sums)
        wal[at : at + _FRAME + page] = head + body
    Path(f"{path}-wal").write_bytes(wal)
    return path


def large_wal(path: Path) -> Path:
    """Make a database of which nearly all, 5 MiB, is in its write-ahead log."""
    plain = path.with_name(f"{path.name}.plain")
    with closing(sqlite3.connect(plain)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("PRAGMA wal_autocheckpoint=0")
        made.execute("CREATE TABLE t (a)")
        made.execute("INSERT INTO t VALUES (?)", (random.Random(1).randbytes(5 << 20),))  # noqa: S311
        made.commit()
        for end in ("", "-wal"):
            Path(f"{path}{end}").write_bytes(Path(f"{plain}{end}").read_bytes())
    plain.unlink()
    return path


def _sums(data: bytes, order: str, sums: tuple[int, ...]) -> tuple[int, int]:
    first, second = sums
    for one, other in struct.iter_unpack(f"{order}II", data):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second


def journal(path: Path, *, pages: int = 0, records: int = 1, names: str = "") -> Path:
    """Make a database with a hot journal: of so many pages, with records, naming another one."""
    sound(path)
    body = path.read_bytes()
    page = 4096
    head = struct.pack(">8sIIIII", _JOURNAL, records, 0, pages or len(body) // page, 512, page)
    text = head.ljust(512, b"\0")
    first = body[:page]
    total = sum(first[at] for at in range(page - 200, 0, -200)) & 0xFFFFFFFF
    text += (struct.pack(">I", 1) + first + struct.pack(">I", total)) * records
    if names:
        name = names.encode()
        text += struct.pack(">I", 0x40000000 // page + 1) + name
        text += struct.pack(">II", len(name), sum(name)) + _JOURNAL
    Path(f"{path}-journal").write_bytes(text)
    return path


def _patched(path: Path, offset: int, data: bytes) -> Path:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)
    return path


def _claims_much(path: Path) -> Path:
    body = sound(path).read_bytes()
    return _patched(path, 28, struct.pack(">I", 0x7FFFFFF0) + body[32:92] + body[24:28])


def _mutated(path: Path, seed: int) -> Path:
    chance = random.Random(seed)  # noqa: S311 -- no secret
    body = bytearray(sound(path, "CREATE INDEX i ON t (a)", rows=400).read_bytes())
    for _ in range(chance.randrange(1, 60)):
        body[chance.randrange(18, len(body))] = chance.randrange(256)
    path.write_bytes(body)
    return path


def _beside(path: Path, end: str, content: bytes) -> str:
    """Put a file beside a database, which is made where there is none."""
    file = f"{path if path.exists() else sound(path)}{end}"
    Path(file).write_bytes(content)
    return file


def _rewritten(path: Path, sql: str) -> Path:
    """Let a table's own text in the schema be another one."""
    with closing(sqlite3.connect(sound(path))) as made:
        made.execute("PRAGMA writable_schema=ON")
        made.execute("UPDATE sqlite_master SET sql = ?", (sql,))
        made.commit()
    return path


def planted(path: Path, kind: str, outside: Path) -> None:
    """Make what is not a regular file of its folder; ``outside`` is one that is not of the
    volume.
    """
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            folder = os.open(path.parent, os.O_RDONLY)
            made.bind(f"/proc/self/fd/{folder}/{path.name}")  # an address is shorter than a path
            os.close(folder)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    elif kind == "mount":
        path.touch()
        subprocess.run(["mount", "--bind", outside, path], check=True)
    else:
        path.symlink_to(outside if kind == "link" else "/nowhere")


KINDS = (
    "pipe",
    "socket",
    "folder",
    "link",
    "dangling",
    *(() if os.geteuid() else ("device", "mount")),
)

_LARGE_CHECK = "CREATE TABLE u (a CHECK (a < hex(zeroblob(400000000))))"
# Sound databases, whose schema would take whoever works with it by its own words for ever.
ODD: dict[str, tuple[str, ...]] = {
    "endless-view.db": (
        "CREATE VIEW v AS WITH RECURSIVE c AS (SELECT 1 UNION ALL SELECT * FROM c) SELECT * FROM c",
    ),
    "triggers.db": ("CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t WHERE a > 99; END",),
    "large-check.db": (
        "CREATE TABLE u (a)",
        "INSERT INTO u VALUES (1)",
        "PRAGMA writable_schema=ON",
        f"UPDATE sqlite_master SET sql = '{_LARGE_CHECK}' WHERE name = 'u'",  # noqa: S608 -- ours
    ),
    "generated.db": (
        "CREATE TABLE u (a, b AS (length(zeroblob(900000000))))",
        "INSERT INTO u VALUES (1)",
    ),
    "search.db": ("CREATE VIRTUAL TABLE f USING fts4 (text)", "INSERT INTO f VALUES ('words')"),
    "many-tables.db": tuple(f"CREATE TABLE t{n} (a PRIMARY KEY)" for n in range(300)),
}

# Of these, there is a whole copy or a line that says why there is none.
HOSTILE: dict[str, Callable[[Path], object]] = {
    "wal-bomb.db": wal_bomb,
    "large-wal.db": large_wal,
    "header-claims-8-tb.db": _claims_much,
    "sparse-1-tb.db": lambda path: os.truncate(sound(path), 1 << 40),
    "sparse-wal-1-tb.db": lambda path: os.truncate(_beside(path, "-wal", b"x"), 1 << 40),
    "journal-of-many-pages.db": lambda path: journal(path, pages=PAGES),
    "journal-of-many-records.db": lambda path: journal(path, records=2000),
    "journal-without-end.db": lambda path: _beside(path, "-journal", _JOURNAL + b"\xff" * 4096),
    "garbage-wal.db": lambda path: _beside(path, "-wal", random.Random(1).randbytes(9999)),  # noqa: S311
    "garbage-shm.db": lambda path: _beside(wal_bomb(path), "-shm", b"\xff" * 32768),
    "short-shm.db": lambda path: _beside(wal_bomb(path), "-shm", b"x"),
    "schema-of-itself.db": lambda path: _rewritten(path, "CREATE VIEW t AS SELECT * FROM t"),
    "schema-of-garbage.db": lambda path: _rewritten(path, "CREATE TABLE t (" + "a," * 9999),
    "schema-of-a-module.db": lambda path: _rewritten(path, "CREATE VIRTUAL TABLE t USING fsdir(a)"),
    "page-size-1.db": lambda path: _patched(sound(path), 16, b"\0\1"),
    **{f"mutated-{seed}.db": partial(_mutated, seed=seed) for seed in range(12)},
}
