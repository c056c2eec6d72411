"""Copies of SQLite databases, whatever state their apps leave them in."""

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from runner.databases.sqlite import copies
from runner.steps.evaluate import Copies
from tests import needs

ROWS = 1000
MODES = ("WAL", "DELETE")
WRITER = """
import sqlite3, sys, time
path, mode = sys.argv[1:3]
live = sqlite3.connect(path, isolation_level=None, timeout=60)
live.execute(f"PRAGMA journal_mode={mode}")
live.execute("PRAGMA cache_size=10")  # spills into the file before it commits
turn = 0
while True:
    turn += 1
    live.execute("BEGIN IMMEDIATE")
    live.execute("UPDATE account SET money = money - ? WHERE id <= 500", (turn,))
    live.execute("UPDATE account SET money = money + ? WHERE id > 500", (turn,))
    if turn == 5:
        print("writes", flush=True)
    if len(sys.argv) > 3 and turn == 9:
        print("in a transaction", flush=True)
        sys.stdin.read()
    live.execute("COMMIT")
    time.sleep(0.01)  # as an app does: else it nearly always holds its lock
"""


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """An empty volume."""
    made = tmp_path / "data"
    made.mkdir()
    return made


def database(path: Path, mode: str = "DELETE") -> Path:
    """Create a database of accounts whose money sums up to 0, always."""
    with closing(sqlite3.connect(path)) as made:
        made.execute(f"PRAGMA journal_mode={mode}")
        made.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, money INTEGER, note TEXT)")
        rows = [(number, 0, "x" * 200) for number in range(1, ROWS + 1)]
        made.executemany("INSERT INTO account VALUES (?, ?, ?)", rows)
        made.commit()
    return path


@contextmanager
def written(path: Path, mode: str, *, until: str = "writes") -> Iterator[subprocess.Popen[str]]:
    """Let another process write to a database all the time."""
    stays = ["stay"] if until != "writes" else []
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), mode, *stays],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        while until not in process.stdout.readline():
            continue
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """Mount a folder a second time, read-only, as the sidecar has it."""
    needs.root()
    mounted = folder.with_name("mounted")
    mounted.mkdir()
    subprocess.run(["mount", "--bind", folder, mounted], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", mounted], check=True)
        yield mounted
    finally:
        subprocess.run(["umount", mounted], check=True)


def copy(
    folder: Path, scratch: Path, globs: Sequence[str] = ("**/*.db",), *, bound: int = 1 << 30
) -> Copies:
    """Copy the databases of one volume."""
    return copies.copy_all({str(folder): str(folder)}, globs, scratch, bound, lambda: False)


def copied(made: Copies, path: Path) -> Path:
    """Return where the copy of a database is."""
    return Path(made.folder) / str(path).lstrip("/")


def money(path: Path) -> tuple[int, int, str]:
    """Return how many accounts there are, the sum of their money, and what SQLite says."""
    with closing(sqlite3.connect(path)) as opened:
        count, total = opened.execute("SELECT count(*), sum(money) FROM account").fetchone()
        (answer,) = opened.execute("PRAGMA integrity_check").fetchone()
        return int(count), int(total), str(answer)


SOUND = (ROWS, 0, "ok")


@pytest.mark.parametrize("mode", MODES)
def test_a_database_under_constant_writes_is_copied(
    volume: Path, tmp_path: Path, mode: str
) -> None:
    path = database(volume / "app.db", mode)

    with written(path, mode), read_only(volume) as mounted:
        for number in range(5):
            made = copy(mounted, tmp_path / f"scratch{number}")
            assert made.doubts == ()
            assert money(copied(made, mounted / "app.db")) == SOUND


@pytest.mark.parametrize("mode", MODES)
def test_a_database_with_an_unfinished_transaction_is_copied(
    volume: Path, tmp_path: Path, mode: str
) -> None:
    """In rollback mode, half of the transaction is in the file."""
    path = database(volume / "app.db", mode)
    with written(path, mode, until="in a transaction"):
        pass

    with read_only(volume) as mounted:
        made = copy(mounted, tmp_path / "scratch")

        assert made.doubts == ()
        assert money(copied(made, mounted / "app.db")) == SOUND


def test_a_database_that_stays_locked_is_copied_from_its_files(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some apps lock theirs for good; no backup is to wait for them for ever."""
    monkeypatch.setattr(copies, "_BUSY", 0.1)
    path = database(volume / "app.db")

    with written(path, "DELETE", until="in a transaction"):
        made = copy(volume, tmp_path / "scratch")

    assert made.doubts == ()
    assert money(copied(made, path)) == SOUND


def test_a_database_closed_in_wal_mode_is_copied(volume: Path, tmp_path: Path) -> None:
    """Read-only, SQLite cannot open it where it is."""
    database(volume / "app.db", "WAL")
    assert [path.name for path in volume.iterdir()] == ["app.db"]

    with read_only(volume) as mounted:
        made = copy(mounted, tmp_path / "scratch")

        assert money(copied(made, mounted / "app.db")) == SOUND


def test_a_wal_without_its_index_is_not_lost(volume: Path, tmp_path: Path) -> None:
    """As after a copy of a volume: `immutable` would lose what is in it."""
    path = database(volume / "app.db", "WAL")
    with written(path, "WAL", until="in a transaction"):  # before its first checkpoint
        pass
    (volume / "app.db-shm").unlink()
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as without:
        lost = without.execute("SELECT money FROM account WHERE id=1").fetchone()

    with read_only(volume) as mounted:
        made = copy(mounted, tmp_path / "scratch")

        target = copied(made, mounted / "app.db")
        assert money(target) == SOUND
        with closing(sqlite3.connect(target)) as whole:
            assert whole.execute("SELECT money FROM account WHERE id=1").fetchone() != lost


def test_live_files_are_excluded_by_exact_name(volume: Path, tmp_path: Path) -> None:
    path = database(volume / "what [is] *this*?.db")

    made = copy(volume, tmp_path / "scratch")

    literal = f"{volume}/what \\[is] \\*this\\*\\?.db"
    assert made.excludes == (literal, f"{literal}-wal", f"{literal}-shm", f"{literal}-journal")
    assert copies.original(str(copied(made, path)), made.folder) == str(path)


def test_a_copy_has_the_mode_and_time_of_its_original(volume: Path, tmp_path: Path) -> None:
    path = database(volume / "app.db")
    path.chmod(0o640)
    os.utime(path, (1, 1))

    found = copied(copy(volume, tmp_path / "scratch"), path).stat()

    assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o640, 1)


def test_other_files_are_left_to_restic(volume: Path, tmp_path: Path) -> None:
    (volume / "thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" * 100)
    (volume / "empty.db").touch()
    (volume / "folder.db").mkdir()
    (volume / "link.db").symlink_to("/etc/passwd")

    made = copy(volume, tmp_path / "scratch")

    assert (made.folder, made.excludes, made.doubts) == ("", (), ())
    assert [note.rpartition("/")[2] for note in made.notes] == ["thumbs.db"]


def planted(path: Path, kind: str) -> None:
    """Make something that is not a regular file; to open one of them would wait for ever."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            folder = os.open(path.parent, os.O_RDONLY)
            made.bind(f"/proc/self/fd/{folder}/{path.name}")  # an address is shorter than a path
            os.close(folder)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_pipe_or_socket_in_place_of_a_database_is_named_and_not_opened(
    volume: Path, tmp_path: Path, kind: str
) -> None:
    database(volume / "good.db")
    planted(volume / "odd.db", kind)

    made = copy(volume, tmp_path / "scratch")

    assert money(copied(made, volume / "good.db"))[2] == "ok"
    assert made.doubts == ()
    assert [note.rpartition("/")[2] for note in made.notes] == ["odd.db"]


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "link"])
def test_an_irregular_file_beside_a_database_is_named_and_not_opened(
    volume: Path, tmp_path: Path, kind: str, end: str
) -> None:
    """SQLite itself would open it by its name."""
    database(volume / "app.db")
    planted(volume / f"app.db{end}", kind)

    made = copy(volume, tmp_path / "scratch")

    assert (made.folder, made.excludes) == ("", ())
    (doubt,) = made.doubts
    assert f"app.db{end} beside it is not a regular file" in doubt


def test_a_link_to_a_database_elsewhere_is_not_followed(volume: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    database(elsewhere / "app.db")
    (volume / "app.db").symlink_to(elsewhere / "app.db")
    (volume / "folder").symlink_to(elsewhere)

    made = copy(volume, tmp_path / "scratch", ("**/*.db", "folder/*.db"))
    assert (made.folder, made.excludes, made.doubts) == ("", (), ())


def test_a_damaged_database_is_backed_up_as_files_and_named(volume: Path, tmp_path: Path) -> None:
    good, bad = database(volume / "good.db"), database(volume / "bad.db")
    with bad.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 20_000)

    made = copy(volume, tmp_path / "scratch")

    assert money(copied(made, good)) == SOUND
    assert not copied(made, bad).exists()
    (doubt,) = made.doubts
    assert doubt.startswith(f"{bad} is not copied consistently: ")
    assert not [pattern for pattern in made.excludes if "bad" in pattern]


def test_a_database_that_does_not_fit_is_backed_up_as_files_and_named(
    volume: Path, tmp_path: Path
) -> None:
    database(volume / "a.db")
    database(volume / "b.db")

    made = copy(volume, tmp_path / "scratch", bound=(volume / "a.db").stat().st_size + 9)

    assert [name for name in ("a.db", "b.db") if copied(made, volume / name).exists()] == ["a.db"]
    (doubt,) = made.doubts
    assert "b.db" in doubt
    assert "left for copies" in doubt


def test_after_a_stop_nothing_is_copied(volume: Path, tmp_path: Path) -> None:
    database(volume / "app.db")

    made = copies.copy_all(
        {str(volume): ""}, ("*.db",), tmp_path / "scratch", 1 << 30, lambda: True
    )

    assert made == Copies()
