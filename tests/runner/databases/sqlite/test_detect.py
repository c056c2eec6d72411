"""Databases are found by what is in them, in what backups take, and nothing else is opened."""

import os
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runner.databases.sqlite import detect, remembered
from runner.databases.sqlite.detect import Detector
from runner.databases.sqlite.remembered import Remembered
from runner.restic import left_out
from runner.restic.left_out import Options
from runner.volume import held_files
from runner.volume.globs import File

LATER = 3600.0  # seconds from now, after which no time stamp is recent


def database(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE t (id INTEGER)")
        made.commit()
    return path


def found(
    volume: Path, known: Remembered | None = None, options: Options | None = None
) -> list[str]:
    """Return the paths of databases below a volume."""
    now = time.time() + LATER
    detector = Detector(known or Remembered(now), options or Options(), now)
    names = [each.path.removeprefix(f"{volume}/") for each in detector.find(str(volume), "")]
    assert detector.whole
    return sorted(names)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


@pytest.mark.parametrize(
    "name",
    ["app.db", "App.SQLite3", "data/deep/er/x.sqlite", "no-suffix", "odd.mdb", ".hidden", "ü.dat",
     "with space.bin", "journal-wal.data"],
)  # fmt: skip
def test_a_database_is_found_by_its_content(volume: Path, name: str) -> None:
    database(volume / name)

    assert found(volume) == [name]


def test_what_is_named_like_a_database_and_is_none_is_not_found(volume: Path) -> None:
    (volume / "thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" * 1024)
    (volume / "empty.db").touch()
    (volume / "short.db").write_bytes(b"SQLite")
    (volume / "text.sqlite").write_text("SQLite format 3 is described here\n" * 100)
    (volume / "app.db-wal").write_bytes(b"x" * 4096)

    assert found(volume) == []


def test_files_beside_a_database_are_no_databases(volume: Path) -> None:
    database(volume / "kuma")
    for end in ("-wal", "-shm", "-journal"):
        (volume / f"kuma{end}").write_bytes(b"\0" * 4096)

    assert found(volume) == ["kuma"]


HOSTILE: dict[str, Callable[[Path, Path], object]] = {
    "a pipe": lambda path, _: os.mkfifo(path),
    "a link to a database": lambda path, outside: path.symlink_to(outside),
    "a link that leads nowhere": lambda path, _: path.symlink_to("nowhere"),
    "a folder": lambda path, _: path.mkdir(),
    "a link to a folder with one": lambda path, outside: path.symlink_to(outside.parent),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("name", ["app.db", "data"])
def test_nothing_but_regular_files_is_opened(
    tmp_path: Path, volume: Path, case: str, name: str
) -> None:
    outside = database(tmp_path / "outside/app.db")
    HOSTILE[case](volume / name, outside)
    database(volume / "own.db")

    assert found(volume) == ["own.db"]


def test_a_socket_is_not_opened(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(volume)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("app.db")

        assert found(volume) == []


def test_a_folder_that_cannot_be_read_hides_no_other(volume: Path) -> None:
    database(volume / "a/app.db")
    database(volume / "c/app.db")
    (volume / "b").mkdir(mode=0)

    assert found(volume) == ["a/app.db", "c/app.db"]


EXCLUDED: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "nothing": ((), ["app.db", "cache/big.db", "cache/small.db"]),
    "a name": (("--exclude", "*.db"), []),
    "a folder": (("--exclude", "cache"), ["app.db"]),
    "a folder, and one of it again": (
        ("--exclude", "cache/*", "--exclude", "!cache/big.db"), ["app.db", "cache/big.db"]),
    "whatever its case": (("--iexclude", "APP.*"), ["cache/big.db", "cache/small.db"]),
    "large ones": (("--exclude-larger-than", "20K"), ["app.db", "cache/small.db"]),
    "tagged folders": (("--exclude-if-present", ".nobackup"), ["app.db"]),
    "folders with another tag": (
        ("--exclude-if-present", ".nobackup:other"), ["app.db", "cache/big.db", "cache/small.db"]),
    "caches": (("--exclude-caches",), ["app.db", "cache/big.db", "cache/small.db"]),
}  # fmt: skip


@pytest.mark.parametrize("case", EXCLUDED)
def test_what_backups_leave_out_is_not_copied(volume: Path, case: str) -> None:
    """A copy of it would be in the snapshot."""
    words, expected = EXCLUDED[case]
    for name in ("app.db", "cache/small.db"):
        database(volume / name)
    with closing(sqlite3.connect(database(volume / "cache/big.db"))) as made:
        made.execute("CREATE TABLE large (text)")
        made.execute("INSERT INTO large VALUES (?)", ("x" * 50_000,))
        made.commit()
    (volume / "cache/.nobackup").write_text("here\n")

    assert found(volume, options=left_out.options(words)) == expected


def test_a_cache_is_left_out_as_restic_does(volume: Path) -> None:
    database(volume / "cache/app.db")
    (volume / "cache/CACHEDIR.TAG").write_bytes(left_out.CACHE_TAG)

    assert found(volume, options=left_out.options(("--exclude-caches",))) == []


# What is remembered


def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of folders whose entries are read from now on."""
    folders: list[str] = []
    before = held_files.listing

    def listing(here: int) -> int:
        folders.append(str(Path(f"/proc/self/fd/{here}").readlink()))
        return before(here)

    monkeypatch.setattr(held_files, "listing", listing)
    return folders


def test_an_unchanged_folder_is_not_read_again(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Remembered(time.time())
    database(volume / "a/app.db")
    (volume / "b").mkdir()
    assert found(volume, known) == ["a/app.db"]
    folders = read(monkeypatch)

    assert found(volume, known) == ["a/app.db"]
    assert folders == []

    database(volume / "b/new")
    assert found(volume, known) == ["a/app.db", "b/new"]
    assert folders == [f"{volume}/b"]


def test_a_file_that_becomes_a_database_in_place_is_found_if_it_is_named_like_one(
    volume: Path,
) -> None:
    known = Remembered(time.time())
    (volume / "app.db").touch()
    assert found(volume, known) == []
    content = database(volume.parent / "made").read_bytes()

    (volume / "app.db").write_bytes(content)

    assert found(volume, known) == ["app.db"]


def test_a_database_that_is_none_any_more_is_not_copied(volume: Path) -> None:
    known = Remembered(time.time())
    made = database(volume / "store")
    assert found(volume, known) == ["store"]

    with made.open("r+b") as file:
        file.write(b"encrypted now...")

    assert found(volume, known) == []


def test_a_folder_that_is_replaced_by_a_link_is_forgotten(tmp_path: Path, volume: Path) -> None:
    known = Remembered(time.time())
    database(volume / "a/app.db")
    assert found(volume, known) == ["a/app.db"]

    (volume / "a").rename(tmp_path / "away")
    (volume / "a").symlink_to(tmp_path / "away")

    assert found(volume, known) == []


def test_a_folder_that_was_changed_just_now_is_read_again(volume: Path) -> None:
    """Another change in the same moment may leave its time stamp as it is."""
    known = Remembered(time.time())
    detector = Detector(known, Options(), time.time())

    assert list(detector.find(str(volume), "")) == []
    assert known.folders == {}


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b'{"since": 0}', b'{"since": "x", "folders": {}, "files": {}}',
     b'{"since": 1e400, "folders": {}, "files": {}}', b"[" * 100_000,
     b'{"since": 1800000000, "folders": {"/a": [1, 2]}, "files": {}}',
     b'{"since": 1800000000, "folders": {}, "files": {"/a": [1]}}', b"\xff\xfe"],
)  # fmt: skip
def test_damage_to_what_is_remembered_costs_only_time(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / remembered.FILE).write_bytes(damage)

    known = remembered.load(str(tmp_path), 1_800_000_005)

    assert (known.folders, known.files) == ({}, {})


def test_folders_are_remembered_for_a_day_and_databases_longer(
    tmp_path: Path, volume: Path
) -> None:
    now = time.time()
    known = Remembered(now)
    database(volume / "app.db")
    found(volume, known)
    known.settle({"/a": (1, 2, 3, 4, 5)})
    remembered.save(str(tmp_path), known)

    assert remembered.load(str(tmp_path), now + 86_000).folders == known.folders
    old = remembered.load(str(tmp_path), now + 87_000)
    assert (old.folders, old.files) == ({}, known.files)
    assert remembered.load(str(tmp_path), now - 60).folders == {}, "the clock was set back"


def test_a_state_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    known = Remembered(time.time(), changed=True)
    (tmp_path / f"{remembered.FILE}.part").mkdir()

    remembered.save(str(tmp_path), known)

    assert not (tmp_path / remembered.FILE).exists()


# At rest


def _file(path: Path) -> File:
    return File(str(path), "/", tuple(path.parent.parts[1:]))


def test_a_database_has_a_version_while_nobody_writes(volume: Path) -> None:
    path = database(volume / "app.db")
    before = detect.version(_file(path))

    assert before is not None
    assert detect.version(_file(path)) == before
    (volume / "app.db-wal").touch()
    assert detect.version(_file(path)) == before, "an empty log holds nothing"
    (volume / "app.db-wal").write_bytes(b"x")
    assert detect.version(_file(path)) is None
    (volume / "app.db-wal").unlink()
    (volume / "app.db-journal").write_bytes(b"x")
    assert detect.version(_file(path)) is None
    path.unlink()
    assert detect.version(_file(path)) is None


@pytest.mark.parametrize("how", ["content", "time alone", "another file"])
def test_a_database_that_was_written_has_another_version(volume: Path, how: str) -> None:
    path = database(volume / "app.db")
    before = detect.version(_file(path))
    found = path.stat()

    if how == "another file":
        (volume / "new").write_bytes(path.read_bytes())
        (volume / "new").rename(path)
    elif how == "content":
        with path.open("r+b") as file:
            file.write(b"SQLite format 4\0")
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))  # as rsync -t does
    else:
        os.utime(path)

    assert detect.version(_file(path)) not in {before, None}
