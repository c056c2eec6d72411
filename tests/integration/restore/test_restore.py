"""`backup-runner restore`: files come back in place or elsewhere, and nothing else is touched."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo import app, trees
from runner.state.store import Store
from tests import needs
from tests.integration.backup.hard_tree import build_hard_tree
from tests.integration.restore.restores import by_others, inside, tree, with_repository
from tests.integration.sidecars import Json, Sidecar
from tests.runner.databases.sqlite.test_copies import SOUND, database, money, written


@pytest.fixture
def wiki(tmp_path: Path) -> Sidecar:
    """A sidecar with two snapshots of a volume: `file` says 1, then 2, and `later` comes."""
    made = with_repository(Sidecar(tmp_path))
    app.write_files(made.volume)
    folder = made.volume / "a folder ü"
    folder.mkdir()
    for name in ("file", "same"):
        (folder / name).write_text("1\n")
    made.back_up()
    (folder / "file").write_text("second\n")
    (folder / "later").write_text("later\n")
    made.back_up()
    return made


def restored(sidecar: Sidecar, *words: str, expected: int = 0) -> Json:
    """Restore by hand; return what it says."""
    done = sidecar.run("backup-runner", "restore", "--json", *words)
    assert done.returncode == expected, done.stdout + done.stderr
    said: Json = json.loads(done.stdout)
    return said


def test_all_volumes_are_restored_in_place_and_nothing_is_deleted(tmp_path: Path) -> None:
    sidecar = with_repository(Sidecar(tmp_path))
    build_hard_tree(sidecar.volume)
    sidecar.back_up()
    before = tree(sidecar.volume)
    for path in sidecar.volume.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    (sidecar.volume / "new").write_text("new\n")

    said = restored(sidecar)

    assert trees.differences(before, tree(sidecar.volume)) == ["'new': unexpected file"]
    assert (said["status"], said["deleted"]) == ("success", 0)
    assert said["created"] > 30


def test_a_skipped_unreadable_snapshot_is_reported(wiki: Sidecar) -> None:
    """restic lists what it can read, and calls it all; nobody is kept from an older one."""
    older, newer = wiki.snapshots()
    damaged = Path(wiki.secret["RESTIC_REPOSITORY"]) / "snapshots" / newer["id"]
    damaged.chmod(0o600)
    damaged.write_bytes(b"")
    shutil.rmtree(wiki.path("/var/lib/backup") / "cache")

    done = wiki.run("backup-runner", "restore")

    assert done.returncode == 0, done.stdout
    assert (wiki.volume / "a folder ü" / "file").read_text() == "1\n"
    warned = [line for line in map(json.loads, done.stdout.splitlines())
              if line["level"] == "warning"]  # fmt: skip
    assert f'list is incomplete: Ignoring "{newer["id"]}"' in warned[0]["message"]
    assert older["id"][:8] in done.stdout


def test_one_folder_is_restored_as_of_a_time_and_the_rest_unchanged(wiki: Sidecar) -> None:
    older, _ = wiki.snapshots()
    before = tree(wiki.volume)
    folder = wiki.volume / "a folder ü"
    for words in (["--at", older["time"]], ["--snapshot", older["id"][:8]]):
        (folder / "file").write_text("broken since\n")

        said = restored(wiki, "--path", "data/a folder ü", *words)

        assert (folder / "file").read_text() == "1\n"
        assert (folder / "later").read_text() == "later\n"
        counts = {kind: said[kind] for kind in ("created", "changed", "deleted", "unchanged")}
        assert counts == {"created": 0, "changed": 1, "deleted": 0, "unchanged": 1}
        assert said["snapshot"] == older["id"]
        assert said["paths"] == [str(folder)]
    changed = trees.differences(before, tree(wiki.volume))
    assert all("a folder" in line for line in changed)


def test_a_date_includes_the_whole_day(wiki: Sidecar) -> None:
    _, newer = wiki.snapshots()
    day = datetime.fromisoformat(newer["time"]).astimezone(UTC).date().isoformat()

    assert restored(wiki, "--at", day, "--dry-run")["snapshot"] == newer["id"]
    assert "there is no snapshot of " in restored(wiki, "--at", "2001-01-01", expected=1)["message"]


def test_one_file_is_restored_by_its_absolute_path(wiki: Sidecar) -> None:
    file = wiki.volume / "a folder ü" / "file"
    file.unlink()
    (wiki.volume / "a folder ü" / "same").write_text("stays\n")

    restored(wiki, "--path", str(file))

    assert file.read_text() == "second\n"
    assert (wiki.volume / "a folder ü" / "same").read_text() == "stays\n"


def test_a_deleted_file_is_restored_from_the_newest_snapshot_with_it(wiki: Sidecar) -> None:
    file = wiki.volume / "a folder ü" / "later"
    file.unlink()
    wiki.back_up()

    restored(wiki, "--path", "data/a folder ü/later")

    assert file.read_text() == "later\n"


def test_a_dry_run_names_exactly_what_is_done_and_changes_nothing(wiki: Sidecar) -> None:
    older, _ = wiki.snapshots()
    before = tree(wiki.volume)
    words = ("--path", "data/a folder ü", "--snapshot", older["id"], "--delete")

    said = restored(wiki, *words, "--dry-run")

    assert tree(wiki.volume) == before
    assert said["dry_run"] is True
    assert (said["changed"], said["deleted"]) == (1, 1)
    assert said["first"]["deleted"] == [str(wiki.volume / "a folder ü" / "later")]
    assert "1 file would be changed, 1 file would be deleted" in said["message"]
    done = restored(wiki, *words)
    kinds = ("created", "changed", "deleted", "unchanged")
    assert {kind: done[kind] for kind in kinds} == {kind: said[kind] for kind in kinds}
    assert inside(wiki.volume / "a folder ü") == ["file", "same"]


def test_restore_delete_keeps_what_backups_leave_out(tmp_path: Path) -> None:
    sidecar = with_repository(Sidecar(tmp_path, annotations={"backup.exclude": "cache"}))
    app.write_files(sidecar.volume)
    sidecar.back_up()
    for name in ("cache", "lost+found", "new"):
        (sidecar.volume / name).mkdir()
        (sidecar.volume / name / "file").write_text("1\n")

    restored(sidecar, "--delete")

    assert {"cache", "lost+found"} <= set(inside(sidecar.volume))
    assert not (sidecar.volume / "new").exists()


def test_a_target_folder_may_contain_blanks(wiki: Sidecar) -> None:
    before = tree(wiki.volume)
    folder = wiki.root / "somewhere else"

    restored(wiki, "--to", str(folder))

    assert trees.differences(before, tree(folder / "data")) == []
    assert tree(wiki.volume) == before


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_database_is_restored_in_its_place_without_the_old_wal_and_journal(
    tmp_path: Path, elsewhere: bool
) -> None:
    sidecar = with_repository(Sidecar(tmp_path, annotations={"backup.sqlite": "**/*.db"}))
    folder = sidecar.volume / "of the app"
    folder.mkdir()
    path = database(folder / "app.db", "WAL")
    with written(path, "WAL"):
        sidecar.back_up()
    Path(f"{path}-wal").write_bytes(b"of the old one")
    path.write_bytes(b"torn")
    words = ("--to", str(sidecar.root / "there")) if elsewhere else ("--delete",)

    restored(sidecar, *words)

    found = sidecar.root / "there/data/of the app/app.db" if elsewhere else path
    assert money(found) == SOUND
    if not elsewhere:
        assert not Path(f"{path}-wal").exists()


def test_a_valid_log_of_the_old_database_is_never_replayed_into_the_new_one(
    tmp_path: Path,
) -> None:
    """SQLite itself clears invalid logs away, so that only a valid one shows who removed it."""
    sidecar = with_repository(Sidecar(tmp_path, annotations={"backup.sqlite": "**/*.db"}))
    path = database(sidecar.volume / "app.db", "WAL")
    sidecar.back_up()
    before, log = path.read_bytes(), Path(f"{path}-wal")
    with closing(sqlite3.connect(path)) as live:
        live.execute("UPDATE account SET money = 1")
        live.commit()
        valid = log.read_bytes()
    path.write_bytes(before)
    for end in ("-wal", "-shm", "-journal"):
        Path(f"{path}{end}").write_bytes(valid if end == "-wal" else b"of the old one")
    proof = tmp_path / "proof.db"
    proof.write_bytes(before)
    Path(f"{proof}-wal").write_bytes(valid)
    assert money(proof)[1] > 0

    restored(sidecar)

    assert [each.name for each in sidecar.volume.iterdir()] == ["app.db"]
    assert money(path) == SOUND


@pytest.mark.parametrize("words", [(), ("--delete",), ("--path", "data/app.db")])
@pytest.mark.parametrize("end", ["-wal", "-journal"])
def test_a_log_is_never_replayed_into_a_database_that_comes_back_as_a_file(
    tmp_path: Path, end: str, words: tuple[str, ...]
) -> None:
    """One that nobody wrote to is in the snapshot as it was; the log is of what came later."""
    sidecar = with_repository(Sidecar(tmp_path, annotations={"backup.sqlite": "off"}))
    path = database(sidecar.volume / "app.db", "WAL")
    (sidecar.volume / "notes").write_text("x" * 512)
    sidecar.back_up()
    before, log = path.read_bytes(), Path(f"{path}{end}")
    with closing(sqlite3.connect(path)) as live:
        live.execute("UPDATE account SET money = 1")
        live.commit()
        valid = Path(f"{path}-wal").read_bytes()
    if end == "-journal":
        valid = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\0" * 504
    log.write_bytes(valid)
    (sidecar.volume / "other-wal").write_bytes(valid)
    (sidecar.volume / "notes-wal").write_text("no log\n")
    assert path.read_bytes() != before or end == "-wal"

    said = restored(sidecar, "--dry-run", *words)
    assert log.exists(), said
    restored(sidecar, *words)

    assert path.read_bytes() == before
    assert money(path) == SOUND
    assert not log.exists()
    for other in ("notes-wal", "other-wal"):
        assert (sidecar.volume / other).exists() == ("--delete" not in words)


def test_files_of_a_database_behind_a_link_stay(tmp_path: Path) -> None:
    """A folder comes back in the place of the link; what the link leads to is somebody else's."""
    sidecar = with_repository(Sidecar(tmp_path, annotations={"backup.sqlite": "**/*.db"}))
    folder = sidecar.volume / "of the app"
    folder.mkdir()
    database(folder / "app.db")
    sidecar.back_up()
    other = tmp_path / "other"
    folder.rename(other)
    (other / "app.db-wal").write_bytes(b"not yet in the database")
    folder.symlink_to(other)

    restored(sidecar, "--path", "data/of the app/app.db")

    assert (other / "app.db-wal").read_bytes() == b"not yet in the database"
    assert folder.is_dir()
    assert not folder.is_symlink()
    assert money(folder / "app.db") == SOUND


def test_doubtful_snapshots_dumps_and_foreign_ones_are_never_selected(wiki: Sidecar) -> None:
    _, newer = wiki.snapshots()
    mine = (
        "--host", "wiki", "--tag", "ns=prod", "--tag", "kind=Deployment", "--tag", "workload=wiki",
    )  # fmt: skip
    wiki.restic("backup", *mine, "--tag", "doubtful", "--", str(wiki.volume))
    wiki.restic("backup", *mine, "--tag", "dump=postgres", "--", str(wiki.volume))
    by_others(wiki, "stage", "wiki")
    (wiki.volume / "only there").write_text("1\n")
    wiki.restic("backup", *mine, "--tag", "doubtful", "--", str(wiki.volume))
    doubtful = wiki.snapshots()[-1]["id"]

    assert restored(wiki, "--dry-run")["snapshot"] == newer["id"]
    refused = restored(wiki, "--path", "data/only there", expected=1)["message"]
    assert f"--snapshot {doubtful[:8]} takes snapshot {doubtful[:8]} of " in refused
    assert restored(wiki, "--snapshot", doubtful, "--dry-run")["snapshot"] == doubtful


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--path", "/etc"), "is not in a volume"),
        (("--path", "data/../../etc"), "is not in a volume"),
        (("--path", "data/no such file"), "with files of "),
        (("--path", "dat"), " holds "),
        (("--at", "tomorrow"), "write a time such as"),
        (("--at", "2026-11-25", "--snapshot", "0badcafe"), "give either --at or --snapshot"),
        (("--snapshot", "0badcafe"), "there is no snapshot 0badcafe"),
        (("--snapshot", "latest"), "; the newest is snapshot "),
    ],
)
def test_an_invalid_request_is_reported_in_one_line(
    wiki: Sidecar, words: tuple[str, ...], why: str
) -> None:
    before = tree(wiki.volume)

    assert why in restored(wiki, *words, expected=1)["message"]

    assert tree(wiki.volume) == before


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Mount a folder read-only over itself, as a sidecar has its volumes."""
    subprocess.run(("mount", "--bind", str(folder), str(folder)), check=True)
    try:
        subprocess.run(("mount", "-o", "remount,ro,bind", str(folder)), check=True)
        yield
    finally:
        subprocess.run(("umount", str(folder)), check=True)


@needs.root.mark
def test_a_read_only_volume_is_refused_with_a_remedy(wiki: Sidecar) -> None:
    with read_only(wiki.volume):
        said = restored(wiki, expected=1)
        tried = restored(wiki, "--dry-run")
        elsewhere = restored(wiki, "--to", str(wiki.root / "there"))

    assert "is mounted read-only" in said["message"]
    assert "kubectl backup restore" in said["message"]
    assert tried["status"] == elsewhere["status"] == "success"


def test_a_restore_is_skipped_while_a_run_is_in_progress(wiki: Sidecar) -> None:
    with Store(wiki.path("/var/lib/backup")).lock():
        done = wiki.run("backup-runner", "restore", "--no-wait")

    assert done.returncode == 75


def test_without_json_the_log_has_the_result(wiki: Sidecar) -> None:
    (wiki.volume / "a folder ü" / "file").unlink()

    done = wiki.run("backup-runner", "restore")

    assert (done.returncode, done.stderr) == (0, "")
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["message"].startswith("restore success: snapshot ")
    assert "1 file created" in last["message"]


def test_a_wrong_password_is_a_failure(wiki: Sidecar) -> None:
    wiki.change_secret(RESTIC_PASSWORD="mistyped")

    said = restored(wiki, expected=1)

    assert said["class"] == "auth"
    assert "wrong password" in said["message"]
