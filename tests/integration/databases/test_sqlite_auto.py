"""`backup.sqlite: auto`, the default: databases are found, and copied unless nobody uses them."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from contract.snapshots import COPIES
from runner.databases.sqlite import remembered
from tests.cluster.work import until
from tests.integration.databases.app_layouts import LAYOUTS, lay, moment, writing
from tests.integration.sidecars import PASSWORD, Sidecar
from tests.runner.databases.sqlite.test_copies import SOUND, database, money, written


def copies(sidecar: Sidecar) -> set[str]:
    """Return the databases that are copies in the latest snapshot: paths below the volume."""
    scratch = f"{sidecar.path('/var/lib/backup')}/{COPIES}{sidecar.volume}/"
    lines = sidecar.restic("ls", "latest").splitlines()
    return {line.removeprefix(scratch) for line in lines if line.startswith(scratch)}


def as_files(sidecar: Sidecar) -> set[str]:
    """Return the files of the volume in the latest snapshot."""
    volume = f"{sidecar.volume}/"
    lines = sidecar.restic("ls", "latest").splitlines()
    return {line.removeprefix(volume) for line in lines if line.startswith(volume)}


def aged(path: Path) -> None:
    """Wait until the time stamps of a file tell of every later write."""
    until(lambda: time.time() - path.stat().st_ctime > remembered._RECENT, "it is old", 60)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_databases_of_an_app_are_whole_in_its_backup(tmp_path: Path, name: str) -> None:
    layout = LAYOUTS[name]
    sidecar = Sidecar(tmp_path)
    lay(sidecar.volume, layout)

    with writing(sidecar.volume, layout):
        ended = sidecar.back_up()
        assert ended["status"] == "success", ended["message"]
        in_snapshot = as_files(sidecar)
        assert sidecar.back_up()["status"] == "success"

    assert set(layout.others) <= in_snapshot
    assert not in_snapshot & {f"{file}{end}" for file in layout.databases
                              for end in ("", "-wal", "-shm", "-journal")}  # fmt: skip
    done = sidecar.run("backup-runner", "restore", "--to", str(tmp_path / "there"))
    assert done.returncode == 0, done.stdout + done.stderr
    for file in layout.databases:
        (restored,) = (tmp_path / "there").rglob(Path(file).name)
        assert moment(restored) >= 5
    for file, content in layout.others.items():
        (restored,) = (tmp_path / "there").rglob(file)
        assert restored.read_bytes() == content


@pytest.mark.parametrize("value", ["off", " OFF "])
def test_off_copies_nothing(tmp_path: Path, value: str) -> None:
    sidecar = Sidecar(tmp_path, annotations={"backup.sqlite": value})
    database(sidecar.volume / "app.db")

    assert sidecar.back_up()["status"] == "success"

    assert copies(sidecar) == set()
    assert as_files(sidecar) == {"app.db"}


@pytest.mark.parametrize("value", ["auto", " Auto ", ""])
def test_auto_may_be_written(tmp_path: Path, value: str) -> None:
    sidecar = Sidecar(tmp_path, annotations={"backup.sqlite": value})
    database(sidecar.volume / "app")

    assert sidecar.back_up()["status"] == "success"

    assert copies(sidecar) == {"app"}


def test_globs_copy_what_they_match_and_nothing_else(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, annotations={"backup.sqlite": "a.db"})
    database(sidecar.volume / "a.db")
    database(sidecar.volume / "b.db")

    assert sidecar.back_up()["status"] == "success"

    assert copies(sidecar) == {"a.db"}
    assert as_files(sidecar) == {"b.db"}


def test_a_volume_without_databases_says_nothing_of_them(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    (sidecar.volume / "thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" * 1024)

    done = sidecar.run("backup-runner", "run")

    assert done.returncode == 0
    assert "SQLite" not in done.stdout + done.stderr
    assert sidecar.status()["problems"] == []


def test_a_database_at_rest_is_copied_once(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    path = database(sidecar.volume / "app.db")
    aged(path)
    sidecar.back_up()
    assert copies(sidecar) == {"app.db"}

    sidecar.back_up()

    assert copies(sidecar) == set()
    assert as_files(sidecar) == {"app.db"}
    done = sidecar.run("backup-runner", "restore", "--to", str(tmp_path / "there"))
    assert done.returncode == 0, done.stdout
    (restored,) = (tmp_path / "there").rglob("app.db")
    assert money(restored) == SOUND
    assert restored.read_bytes() == path.read_bytes()


def test_a_database_that_is_written_again_is_copied_again(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    path = database(sidecar.volume / "app.db", "WAL")
    aged(path)
    for _ in range(2):
        sidecar.back_up()
    assert copies(sidecar) == set()

    with written(path, "WAL"):
        sidecar.back_up()

    assert copies(sidecar) == {"app.db"}
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sidecar.back_up()
    assert copies(sidecar) == {"app.db"}, "the log was written into it since"


def test_a_database_that_is_written_during_the_backup_is_named_and_copied_next(
    tmp_path: Path,
) -> None:
    """restic reads it meanwhile: what it stored may be torn."""
    sidecar = Sidecar(tmp_path)
    path = database(sidecar.volume / "app.db")
    aged(path)
    for _ in range(2):
        sidecar.back_up()
    # restic runs this before it reads anything, and after the database was found to be at rest.
    tool = tmp_path / "password"
    tool.write_text(f"#!/bin/sh\ntouch {path}\necho {PASSWORD}\n")
    tool.chmod(0o755)
    sidecar.change_secret(RESTIC_PASSWORD_COMMAND=str(tool), RESTIC_PASSWORD="")

    ended = sidecar.back_up()

    assert (ended["status"], ended["class"]) == ("warning", "source")
    assert f"written while they were backed up as files: {path}" in ended["message"]


def test_a_database_that_cannot_be_copied_is_named_in_each_run(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    path = database(sidecar.volume / "app.db")
    with path.open("r+b") as file:
        file.truncate(5120)
    aged(path)

    for _ in range(2):
        ended = sidecar.back_up()
        assert (ended["status"], ended["class"]) == ("warning", "source")
        assert f"{path} is not copied consistently" in ended["message"]
        assert "app.db" in as_files(sidecar)


def test_what_is_excluded_is_not_in_the_snapshot_as_a_copy(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, annotations={"backup.exclude": "cache"})
    database(sidecar.volume / "app.db")
    (sidecar.volume / "cache").mkdir()
    database(sidecar.volume / "cache/thumbs.db")

    assert sidecar.back_up()["status"] == "success"

    assert copies(sidecar) == {"app.db"}
