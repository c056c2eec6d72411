"""`restore --delete`: it deletes what the snapshot could have held, and names what it keeps."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from demo import trees
from tests import needs
from tests.faults.restore.test_refused import _IMMUTABLE, NO_RIGHTS, flagged
from tests.integration.restore.restores import inside, tree, with_repository
from tests.integration.restore.test_restore import restored
from tests.integration.sidecars import Json, Sidecar
from tests.runner.databases.sqlite.test_copies import database

_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"
_KEY = "RESTIC_ADDITIONAL_BACKUP_PARAMETERS"


@pytest.fixture
def wiki(tmp_path: Path) -> Sidecar:
    """A sidecar whose volume holds a few files that were never backed up."""
    made = with_repository(Sidecar(tmp_path))
    (made.volume / "kept.txt").write_text("kept\n")
    return made


def write(folder: Path, *names: str, text: str = "1\n") -> None:
    """Write files, and the folders above them."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def kept_and_gone(sidecar: Sidecar, kept: set[str], gone: set[str], *words: str) -> Json:
    """Restore with a deletion: these files stay and are named, those go, as a dry run says."""
    before = tree(sidecar.volume)
    tried = restored(sidecar, "--delete", "--dry-run", *words)
    assert tree(sidecar.volume) == before

    said = restored(sidecar, "--delete", *words)

    assert said["failed"] == []
    assert {path.removeprefix(f"{sidecar.volume}/") for path in said["kept"]} == kept
    assert said["kept_total"] == len(kept)
    assert {name for name in kept if not os.path.lexists(sidecar.volume / name)} == set()
    assert {name for name in gone if os.path.lexists(sidecar.volume / name)} == set()
    counts = ("created", "changed", "deleted", "unchanged", "bytes", "deleted_bytes", "kept")
    assert {each: tried[each] for each in counts} == {each: said[each] for each in counts}
    return said


_OPTIONS = [
    "--exclude 'data/my.*'",
    "-xe*.secret",
    "--iexclude=MY.Secret",
    "--exclude-larger-than=1k",
    "--exclude-if-present=.nobackup:keep",
    "--exclude-caches",
]


@pytest.mark.parametrize("options", _OPTIONS)
def test_files_that_current_options_exclude_are_kept_even_if_new(
    wiki: Sidecar, options: str
) -> None:
    """Also where the snapshot was made without them: no backup has it, or ever will."""
    wiki.back_up()
    wiki.change_secret(**{_KEY: options})
    write(wiki.volume, "my.secret", "thumbs/t", "cache/c", "new", "folder/new")
    write(wiki.volume, "thumbs/.nobackup", text="keep out\n")
    write(wiki.volume, "cache/CACHEDIR.TAG", text=_TAG)
    (wiki.volume / "my.secret").write_text("x" * 2000)
    kept = {"my.secret"}
    if "present" in options:
        kept = {"thumbs/t"}
    if "caches" in options:
        kept = {"cache/c"}
    files = {"my.secret", "thumbs/t", "thumbs/.nobackup", "cache/c", "cache/CACHEDIR.TAG"}

    said = kept_and_gone(wiki, kept, {"new", "folder", *(files - kept)})

    assert said["deleted"] == 7 - 1
    assert said["first"]["deleted"][0].startswith(str(wiki.volume))


def test_patterns_of_an_exclude_file_in_the_current_options(wiki: Sidecar) -> None:
    wiki.back_up()
    file = wiki.root / "patterns"
    file.write_text("# ours\n\n*.secret\n$WHAT.bak\n")
    for name in ("--exclude-file", "--iexclude-file"):
        wiki.change_secret(**{_KEY: f"{name} {file}", "WHAT": "old", "BACKUP_ENV_PASS": "WHAT"})
        write(wiki.volume, "my.secret", "old.bak", "new.bak")
        kept_and_gone(wiki, {"my.secret", "old.bak"}, {"new.bak"})
    file.unlink()

    said = restored(wiki, "--delete", expected=1)

    assert f"{_KEY}: {file} cannot be read (No such file or directory)" in said["message"]
    wiki.change_secret(**{_KEY: "--exclude 'x"})
    assert "cannot be split into words" in restored(wiki, "--delete", expected=1)["message"]
    assert (wiki.volume / "my.secret").exists()


@pytest.mark.parametrize("pattern", ["{volume}/media", "me*/**"])
def test_files_that_the_snapshots_options_excluded_are_kept(wiki: Sidecar, pattern: str) -> None:
    """restic keeps patterns in the snapshot; the file is newer than that, and no option is left."""
    wiki.change_secret(BACKUP_EXCLUDE=pattern.format(volume=wiki.volume))
    wiki.back_up()
    wiki.change_secret(BACKUP_EXCLUDE="")
    write(wiki.volume, "media/film", "new")

    kept_and_gone(wiki, {"media/film"}, {"new"})


_THEN = {
    "--exclude-caches": "cache/c",
    "--exclude-if-present .nobackup": "thumbs/t",
    "--exclude-larger-than 1k": "my.secret",
    "--iexclude *.SECRET": "my.secret",
    "--exclude *.secret": "my.secret",
}


@pytest.mark.parametrize("options", _THEN)
def test_files_excluded_by_unknown_former_options_are_kept(wiki: Sidecar, options: str) -> None:
    """restic keeps most options nowhere: the file was there before the backup began."""
    write(wiki.volume, "my.secret", "thumbs/t", "thumbs/.nobackup", "cache/c")
    write(wiki.volume, "cache/CACHEDIR.TAG", text=_TAG)
    (wiki.volume / "my.secret").write_text("x" * 2000)
    wiki.change_secret(**{_KEY: options})
    wiki.back_up()
    wiki.change_secret(**{_KEY: ""})
    write(wiki.volume, "new")

    kept_and_gone(wiki, {_THEN[options]}, {"new"})


def test_files_unreadable_at_the_time_are_kept(wiki: Sidecar) -> None:
    needs.root()
    write(wiki.volume, "closed", "folder/inner", "2", "3", "4")
    for name in ("closed", "folder"):
        os.chown(wiki.volume / name, 1234, 1234)
        (wiki.volume / name).chmod(0)
    done = wiki.run(*NO_RIGHTS, "backup-runner", "run")
    assert done.returncode == 0, done.stdout
    (wiki.volume / "closed").unlink()
    write(wiki.volume, "closed", "new")  # written anew since, under the same name

    kept_and_gone(wiki, {"closed", "folder/inner"}, {"new"})


def _moved(volume: Path) -> None:
    (volume / "folder").rename(volume / "renamed")


def _extracted(volume: Path) -> None:
    for name in ("renamed/one", "renamed/two"):
        write(volume, name)
        os.utime(volume / name, (1_000_000_000, 1_000_000_000))


def _linked(volume: Path) -> None:
    (volume / "renamed").mkdir()
    (volume / "renamed" / "one").hardlink_to(volume / "kept.txt")
    (volume / "renamed" / "two").symlink_to("/etc/passwd")


@pytest.mark.parametrize("comes", [_moved, _extracted, _linked])
def test_files_that_only_look_old_are_deleted(wiki: Sidecar, comes: Callable[[Path], None]) -> None:
    """It was moved since, is in the snapshot under its old name, or came with an old time."""
    write(wiki.volume, "folder/one", "folder/two")
    wiki.back_up()
    before = tree(wiki.volume)
    comes(wiki.volume)

    said = kept_and_gone(wiki, set(), {"renamed"})

    assert said["deleted"] == 2
    assert trees.differences(before, tree(wiki.volume)) == []
    assert Path("/etc/passwd").exists()


def test_snapshots_of_other_programs_and_of_the_original_system(wiki: Sidecar) -> None:
    """They have no list of patterns, some not even a summary."""
    # What is larger is left out; with one file alone, the folder would look like one left out.
    write(wiki.volume, "small", "little")
    wiki.restic(
        "backup", "--host", "wiki", "--tag", "ns=prod", "--tag", "kind=Deployment",
        "--tag", "workload=wiki", "--exclude-larger-than", "3", "--", str(wiki.volume),
    )  # fmt: skip
    write(wiki.volume, "new")

    kept_and_gone(wiki, {"kept.txt"}, {"new"})


def test_folders_in_place_of_files_and_files_in_place_of_folders(wiki: Sidecar) -> None:
    write(wiki.volume, "a file", "a folder/one", "a folder/two")
    wiki.back_up()
    before = tree(wiki.volume)
    (wiki.volume / "a file").unlink()
    write(wiki.volume, "a file/inner/1", "a file/inner/2", "a file/3", text="22\n")
    shutil.rmtree(wiki.volume / "a folder")
    write(wiki.volume, "a folder")
    refused = restored(wiki, "--dry-run", expected=1)
    assert "--delete replaces it" in refused["failed"][0]["reason"]

    said = kept_and_gone(wiki, set(), set())

    assert (said["deleted"], said["deleted_bytes"]) == (3, 9)
    assert (said["created"], said["changed"], said["bytes"]) == (2, 2, 6)
    assert trees.differences(before, tree(wiki.volume)) == []


def test_a_folder_in_place_of_a_file_with_files_in_no_backup(wiki: Sidecar) -> None:
    """Both cannot be: the file is not restored, and nothing in the folder goes."""
    write(wiki.volume, "a file")
    wiki.change_secret(BACKUP_EXCLUDE="*.tmp")
    wiki.back_up()
    (wiki.volume / "a file").unlink()
    write(wiki.volume, "a file/x.tmp", "a file/new")

    tried = restored(wiki, "--delete", "--dry-run", expected=1)
    said = restored(wiki, "--delete", expected=1)

    for each in (tried, said):
        assert [failed["path"] for failed in each["failed"]] == [str(wiki.volume / "a file")]
        assert (each["deleted"], each["changed"], each["created"]) == (0, 0, 0)
    assert inside(wiki.volume / "a file") == ["new", "x.tmp"]


def test_links_lead_a_deletion_nowhere(wiki: Sidecar) -> None:
    write(wiki.volume, "folder/inner/file")
    wiki.back_up()
    other = wiki.root / "other"
    write(other, "inner/file", "inner/mine", "mine")
    shutil.rmtree(wiki.volume / "folder")
    (wiki.volume / "folder").symlink_to(other)
    (wiki.volume / "new").symlink_to(other)

    said = kept_and_gone(wiki, set(), {"new"}, "--path", "data/folder/inner", "--path", "data")

    assert said["created"] == 1
    assert inside(other) == ["inner", "mine"]
    assert inside(other / "inner") == ["file", "mine"]
    assert (wiki.volume / "folder" / "inner" / "file").read_text() == "1\n"


def test_sockets_and_other_file_systems_are_kept(wiki: Sidecar) -> None:
    write(wiki.volume, "mounted/file")
    wiki.back_up()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(wiki.volume)
        try:
            listening.bind("socket")
        finally:
            os.chdir("/")
    (wiki.volume / "mounted on").mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "none", str(wiki.volume / "mounted on")), check=True)
    try:
        write(wiki.volume, "mounted on/theirs", "new")
        kept_and_gone(wiki, {"socket", "mounted on/theirs"}, {"new"}, "--path", "data")
    finally:
        subprocess.run(("umount", str(wiki.volume / "mounted on")), check=True)


def test_a_mount_in_a_folder_of_the_snapshot_is_kept(wiki: Sidecar) -> None:
    """Also where it is of the same file system, whose number says nothing."""
    write(wiki.volume, "mounted/file")
    wiki.back_up()
    other = wiki.root / "other"
    write(other, "file", "theirs", "folder/theirs")
    subprocess.run(("mount", "--bind", str(other), str(wiki.volume / "mounted")), check=True)
    try:
        kept_and_gone(wiki, {"mounted/theirs", "mounted/folder"}, set(), "--path", "data")
    finally:
        subprocess.run(("umount", str(wiki.volume / "mounted")), check=True)
    assert inside(other) == ["file", "folder", "theirs"]


def test_files_covered_by_dumps_or_copies_are_kept(wiki: Sidecar) -> None:
    """A database's own files come from its copy; what belonged to the old one goes, and counts."""
    wiki.change_secret(BACKUP_SQLITE="**/*.db")
    database(wiki.volume / "app.db", "WAL")
    wiki.back_up()
    write(wiki.volume, "app.db-wal", "new", "lost+found/1", ".backup-restore/claim")
    names = ("lost+found", ".backup-restore")

    beside = len(list(wiki.volume.glob("app.db-*")))

    said = kept_and_gone(wiki, set(), {"app.db-wal", "new"})

    assert said["deleted"] == beside + 1
    assert all((wiki.volume / name).exists() for name in (*names, "app.db"))


def test_folders_keep_times_and_modes_after_a_deletion_in_them(wiki: Sidecar) -> None:
    write(wiki.volume, "folder/file")
    (wiki.volume / "folder").chmod(0o555)
    wiki.back_up()
    before = tree(wiki.volume)
    write(wiki.volume, "folder/new", "folder/deep/er/new")
    (wiki.volume / "folder" / "deep" / "er").chmod(0o500)

    kept_and_gone(wiki, set(), {"folder/new", "folder/deep"})

    assert trees.differences(before, tree(wiki.volume)) == []


def test_a_file_that_cannot_be_deleted_is_a_failure_and_others_are_deleted(wiki: Sidecar) -> None:
    write(wiki.volume, "folder/file")
    wiki.back_up()
    write(wiki.volume, "folder/new", "new")
    with flagged(wiki.volume / "folder", _IMMUTABLE):
        said = restored(wiki, "--delete", "--path", "data", expected=1)

    assert {each["path"] for each in said["failed"]} == {str(wiki.volume / "folder" / "new")}
    assert "cannot be deleted: operation not permitted" in said["failed"][0]["reason"]
    assert said["deleted"] == 1
    assert not (wiki.volume / "new").exists()


def test_restore_delete_into_a_target_deletes_older_files_too(wiki: Sidecar) -> None:
    """What is older in another folder has nothing to do with what was backed up."""
    there = wiki.root / "there"
    write(there, "data/older")
    wiki.back_up()

    said = restored(wiki, "--to", str(there), "--delete")

    assert (inside(there / "data"), said["deleted"]) == (["kept.txt"], 1)


def test_restore_delete_takes_little_longer_than_a_restore_without(wiki: Sidecar) -> None:
    for number in range(20):
        write(wiki.volume, *(f"folder {number}/{each}" for each in range(100)))
    wiki.back_up()
    shutil.copytree(wiki.volume, wiki.volume / "new")
    began = time.monotonic()
    plain = restored(wiki)
    without = time.monotonic() - began

    began = time.monotonic()
    said = restored(wiki, "--delete")
    spent = time.monotonic() - began

    assert (plain["unchanged"], said["unchanged"], said["deleted"]) == (2001, 2001, 2001)
    assert spent < 5 * without + 5
