"""Databases of an app that wants to harm: each is copied whole or named, and bounds hold."""

import os
import re
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

import pytest

from runner.databases.sqlite import copies as sqlite_copies
from runner.steps.evaluate import Copies
from tests import needs
from tests.cluster.work import until
from tests.integration.databases import hostile_databases as hostile
from tests.integration.databases.hostile_databases import HOSTILE, KINDS, MARK, ODD
from tests.integration.sidecars import Sidecar

BOUND = 8 << 20
ENDS = ("", "-wal", "-shm", "-journal")
WITHOUT_LANDLOCK = """
from runner.sandbox import landlock; from runner.databases.sqlite import copier
landlock.only = lambda *_: False
raise SystemExit(copier.main())
"""


@pytest.fixture(params=["landlock", "without landlock"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel as it is, and one that knows nothing of Landlock; patience is short."""
    monkeypatch.setattr(sqlite_copies, "_BUSY", 0.2)
    if request.param != "landlock":
        monkeypatch.setattr(sqlite_copies, "_PROGRAM", ("-c", WITHOUT_LANDLOCK))


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A volume in which nothing stays mounted."""
    made = tmp_path / "data"
    made.mkdir()
    yield made
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for path in mounted:
        if path.startswith(f"{made}/"):
            subprocess.run(["umount", path], check=True)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the volume, with a database and a file that nobody may read."""
    made = tmp_path / "outside"
    made.mkdir()
    hostile.sound(made / "app.db", mark=MARK)
    for end in ENDS[1:]:
        (made / f"app.db{end}").write_text(MARK)
    return made


def copy(volume: Path, scratch: Path, bound: int = BOUND) -> Copies:
    """Copy all databases of a volume; nothing is left of what could not be copied."""
    made = sqlite_copies.copy_all(
        {str(volume): str(volume)}, ("**/*.db",), scratch / "sqlite", bound, lambda: False
    )
    assert not (scratch / "sqlite.part").exists()
    return made


def copies(scratch: Path) -> dict[str, Path]:
    """Return the copies by their names."""
    return {path.name: path for path in (scratch / "sqlite").rglob("*") if path.is_file()}


def answer(path: Path) -> str:
    """Return what SQLite says of a copy."""
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as opened:
        opened.execute("PRAGMA ignore_check_constraints=ON")
        return str(opened.execute("PRAGMA quick_check(1)").fetchone()[0])


class Peak(threading.Thread):
    """Watches a folder: the most bytes that its files took, and the largest size of one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.taken = self.largest = 0
        self._folder = folder
        self._over = threading.Event()

    def run(self) -> None:
        """Look until it is over."""
        while not self._over.wait(0.005):
            walked = [
                f"{path}/{name}" for path, _, names in os.walk(self._folder) for name in names
            ]
            found = [each for path in walked if (each := _stat(path))]
            self.taken = max(self.taken, sum(each.st_blocks * 512 for each in found))
            self.largest = max([self.largest, *(each.st_size for each in found)])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


@contextmanager
def opened(path: Path) -> Iterator[None]:
    """Let an app hold a database open, with its -shm as SQLite makes it."""
    with closing(sqlite3.connect(path)) as app:
        app.execute("BEGIN")
        app.execute("PRAGMA user_version").fetchone()
        yield


@pytest.mark.usefixtures("kernel")
def test_each_hostile_database_is_copied_completely_or_named(volume: Path, tmp_path: Path) -> None:
    """The others are copied all the same, and neither bytes nor files are left behind."""
    for name, make in HOSTILE.items():
        make(volume / name)
    for name, schema in ODD.items():
        hostile.sound(volume / name, *schema)
    hostile.sound(volume / "good.db")
    victim = tmp_path / "victim"
    victim.write_text(f"{volume}/names-another.db-journal")
    hostile.journal(volume / "names-another.db", names=str(victim))
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    with opened(hostile.wal_bomb(volume / "open-bomb.db")), Peak(scratch) as peak:
        made = copy(volume, scratch)

    found = copies(scratch)
    assert {name: answer(path) for name, path in found.items()} == dict.fromkeys(found, "ok")
    assert {"good.db", *ODD} <= found.keys()
    bombs = {"wal-bomb.db", "open-bomb.db", "large-wal.db", "sparse-1-tb.db", "sparse-wal-1-tb.db"}
    assert not {*bombs, "names-another.db"} & found.keys()
    every = {"good.db", "names-another.db", "open-bomb.db", *HOSTILE, *ODD}
    named = {name for name in every if any(f"/{name} is not" in each for each in made.doubts)}
    assert named == every - found.keys()
    assert not [each for each in made.doubts if "internal error" in each or "\n" in each]
    (large,) = [each for each in made.doubts if "/large-wal.db" in each]
    room = r"its copy takes more than the (7\.[5-9]|8\.[0-4]) MiB left for copies"
    assert re.search(room, large)
    assert victim.exists()
    assert peak.taken <= BOUND + (1 << 20)
    assert peak.largest <= BOUND


@pytest.mark.usefixtures("kernel")
def test_nothing_but_regular_files_of_the_volume_is_opened(
    volume: Path, tmp_path: Path, outside: Path
) -> None:
    """In the place of a database and of each file beside it."""
    made_of = {}
    for kind in KINDS:
        for end in ENDS:
            name = f"{kind}{end or '-itself'}.db"
            made_of[name] = kind, end
            if end:
                hostile.sound(volume / name)
            hostile.planted(volume / f"{name}{end}", kind, outside / f"app.db{end}")
    hostile.sound(volume / "good.db")

    made = copy(volume, tmp_path / "scratch")

    found = copies(tmp_path / "scratch")
    assert set(found) == {"good.db"}
    for name, (kind, end) in made_of.items():
        said = [each for each in made.doubts if f"/{name} is not copied" in each]
        if end:
            assert f"{name}{end} beside it is " in said[0]
            assert "not a regular file" in said[0]
        else:
            noted = any(name in each for each in made.notes)
            assert (not said, noted) == (True, kind in {"pipe", "socket", "device", "mount"}), name


SWAPPED = """
import os, sys
from runner.databases.sqlite import copier, copying
from runner.sandbox import landlock
name, end, outside = sys.argv[1:]
locked = %s
connect, look = copying.connect, copying.Copying._nothing_else_is_open
aside = f"{name}.aside"
def swapped(uri, busy):
    if "mode=ro" in uri and uri.split("?")[0].endswith("/app.db"):
        os.rename(f"{name}{end}", aside)
        os.symlink(f"{outside}{end}", f"{name}{end}")
    return connect(uri, busy)
def back(self):
    if os.path.lexists(aside):
        os.rename(aside, f"{name}{end}")
    if not locked:
        look(self)
copying.connect, copying.Copying._nothing_else_is_open = swapped, back
landlock.only = landlock.only if locked else lambda *_: False
raise SystemExit(copier.main())
"""


@pytest.mark.parametrize("end", ["", "-wal"])
@pytest.mark.parametrize("locked", [True, False])
def test_a_file_swapped_during_opening_is_not_copied(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, locked: bool
) -> None:
    """And swapped back before we look: we see what SQLite has open, or the kernel opens nothing."""
    if locked:
        needs.landlock()
    path, other = volume / "app.db", tmp_path / "outside.db"
    program = ("-c", SWAPPED % locked, str(path), end, str(other))
    monkeypatch.setattr(sqlite_copies, "_PROGRAM", program)
    monkeypatch.setattr(sqlite_copies, "_BUSY", 0.2)
    hostile.sound(volume / "good.db")
    with hostile.written(path, "of this volume"), hostile.written(other, MARK):
        made = copy(volume, tmp_path / "scratch")

    found = copies(tmp_path / "scratch")
    assert "good.db" in found
    assert not [name for name, copied in found.items() if MARK.encode() in copied.read_bytes()]
    assert found.keys() == {"good.db"}
    assert [each for each in made.doubts if "/app.db is not copied consistently" in each]


@pytest.mark.usefixtures("kernel")
def test_a_swapped_file_is_never_copied_from_outside(
    volume: Path, tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Databases, files beside them and their folder become links, pipes and other files."""
    monkeypatch.setattr(
        sqlite_copies, "_EACH", 3.0
    )  # for a pipe that is opened in that very moment
    inner = volume / "inner"
    inner.mkdir()
    names = [f"{number}.db" for number in range(12)]
    for name in names:
        hostile.sound(inner / name)
        hostile.sound(outside / name, mark=MARK)
    over = threading.Event()
    swaps = 0

    def swap() -> None:
        nonlocal swaps
        while not over.is_set():
            for name in names:
                _swapped(inner / name, outside / "app.db", pipe=not swaps % 7)
                _swapped(inner / f"{name}-wal", outside / "app.db-wal", pipe=not swaps % 5)
                swaps += 1
            aside = volume / "aside"
            inner.rename(aside)
            inner.symlink_to(outside)
            inner.unlink()
            aside.rename(inner)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for number in range(3):
            scratch = tmp_path / f"scratch{number}"
            copy(volume, scratch)
            for path in copies(scratch).values():
                assert MARK.encode() not in path.read_bytes()
                assert answer(path) == "ok"
        until(lambda: swaps > 1000, "it has swapped often enough", 60)
    finally:
        over.set()
        swapper.join()


def _swapped(path: Path, outside: Path, *, pipe: bool) -> None:
    """Let something else stand in a file's place for a moment."""
    aside = path.with_name(f"{path.name}.aside")
    other = path.with_name(f"{path.name}.other")
    is_file = path.exists()
    if is_file:
        os.link(path, aside)
    if pipe:
        os.mkfifo(other)
    else:
        other.symlink_to(outside)
    other.replace(path)
    if is_file:
        aside.replace(path)
    else:
        path.unlink()


def test_copying_a_constantly_changing_database_is_bounded_in_time(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that grows while it is copied."""
    monkeypatch.setattr(sqlite_copies, "_BUSY", 0.1)
    hostile.journal(volume / "grows.db")
    hostile.sound(volume / "good.db")
    over = threading.Event()

    def grow() -> None:
        with (volume / "grows.db-journal").open("ab", buffering=0) as file:
            while not over.is_set():
                file.write(b"x" * 512)
                if file.tell() > 1 << 20:
                    file.truncate(4096)

    grower = threading.Thread(target=grow)
    grower.start()
    try:
        made = copy(volume, tmp_path / "scratch")
    finally:
        over.set()
        grower.join()

    found = copies(tmp_path / "scratch")
    assert "good.db" in found
    assert {name: answer(path) for name, path in found.items()} == dict.fromkeys(found, "ok")
    # A busy machine may let it be for long enough.
    assert [each for each in made.doubts if "its files keep changing" in each] or (
        "grows.db" in found
    )


def test_thousands_of_databases_are_copied_up_to_the_bound(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In number, in time and in bytes."""
    monkeypatch.setattr(sqlite_copies, "_MOST", 10)
    for number in range(14):
        hostile.sound(volume / f"{number:02}.db")
    one = (volume / "00.db").stat().st_size

    many = copy(volume, tmp_path / "many")
    few = copy(volume, tmp_path / "few", bound=3 * one)
    monkeypatch.setattr(sqlite_copies, "_ALL", 0.0)
    late = copy(volume, tmp_path / "late")

    assert len(copies(tmp_path / "many")) == 10
    assert many.doubts == (
        "4 more databases are not copied consistently: more than 10 match: narrow backup.sqlite",
    )
    assert len(copies(tmp_path / "few")) == 3
    assert len(few.doubts) == 8
    assert (late.folder, late.excludes) == ("", ())
    assert "copying takes longer than 0 s: narrow backup.sqlite" in late.doubts[0]


def test_a_full_disk_gets_no_copy(volume: Path, tmp_path: Path) -> None:
    """A part of it stays free for others."""
    needs.root()
    hostile.sound(volume / "app.db", rows=200_000)
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    try:
        made = copy(volume, disk)
        left = list(disk.iterdir())
    finally:
        subprocess.run(["umount", disk], check=True)

    assert left == []
    (doubt,) = made.doubts
    assert "free on the sidecar's disk" in doubt


def test_a_worker_that_ends_early_gives_a_warning(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed for its memory, or by a fault of its own."""
    hostile.sound(volume / "app.db")
    monkeypatch.setattr(sqlite_copies, "_PROGRAM", ("-c", "import os; os.kill(os.getpid(), 9)"))

    made = copy(volume, tmp_path / "scratch")

    assert (made.folder, made.excludes) == ("", ())
    (doubt,) = made.doubts
    assert "copying databases was stopped early" in doubt
    assert sqlite_copies.integrity([str(volume / "app.db")]) == {}


def test_a_backup_succeeds_beside_hostile_databases(tmp_path: Path) -> None:
    """All that are not copied is in the snapshot as it is; many copies fit on no command line."""
    sidecar = Sidecar(
        tmp_path, annotations={"backup.sqlite": "**/*.db", "backup.exclude": "*-1-tb.db*"}
    )
    for name, make in HOSTILE.items():
        make(sidecar.volume / name)
    (sidecar.volume / "file").write_text("precious")
    odd = ["a [b] *c*?.db", "$HOME ${x}.db", "new\nline.db", "ends in blank .db", "#.db"]
    long = [f"{number:03}{'x' * 240}.db" for number in range(60)]
    for name in (*odd, *long):
        hostile.sound(sidecar.volume / name)

    ended = sidecar.back_up()

    assert (ended["status"], ended["class"]) == ("warning", "source")
    assert len(ended["message"]) < 4096
    names = sidecar.restic("ls", "latest", "--json")
    scratch = sidecar.path("/var/lib/backup") / "tmp"
    assert str(sidecar.volume / "file") in names
    assert str(sidecar.volume / "wal-bomb.db-wal") in names
    for name in (*odd, *long):
        quoted = name.replace("\n", "\\n")
        assert f'"{scratch}/sqlite{sidecar.volume}/{quoted}"' in names
        assert f'"{sidecar.volume}/{quoted}"' not in names
    assert not list(scratch.rglob("*.part"))
