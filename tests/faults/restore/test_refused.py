"""Restores that something keeps from a file: they fail and name it; owners alone are a warning."""

import fcntl
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from demo import trees
from runner.restore.staging import Staging
from runner.volume.seal import Seal
from tests import needs
from tests.integration.restore.restores import Start, inside, lose, tree, with_repository
from tests.integration.restore.test_restore import restored
from tests.integration.sidecars import OTHER, PASSWORD, Sidecar, other_user
from tests.runner.databases.sqlite.test_copies import database

pytestmark = needs.root.mark

_IMMUTABLE, _APPEND = 0x10, 0x20
_GET, _SET = 0x80086601, 0x40086602  # FS_IOC_GETFLAGS, FS_IOC_SETFLAGS
NO_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
_NAMES = ("1", "2", "3", "4", "5", "6")


@pytest.fixture
def wiki() -> Iterator[Sidecar]:
    """A sidecar whose volume was backed up, on a file system that knows flags and small disks.

    pytest's own folders may be on one that does not, and are closed to other users.
    """
    folder = Path(mkdtemp(prefix="refused-", dir="/var/tmp"))
    try:
        made = with_repository(Sidecar(folder))
        for name in _NAMES:
            (made.volume / name).write_text(f"{name} as it was\n")
        (made.volume / "folder").mkdir()
        (made.volume / "folder" / "inner").write_text("inner\n")
        made.back_up()
        yield made
    finally:
        shutil.rmtree(folder)


@contextmanager
def flagged(path: Path, flag: int) -> Iterator[None]:
    """Set a flag of the file system on a file, as `chattr +i` and `+a` do."""
    with path.open("rb") if path.is_file() else _folder(path) as file:
        before = struct.unpack("=I4x", fcntl.ioctl(file, _GET, bytes(8)))[0]
        fcntl.ioctl(file, _SET, struct.pack("=I4x", before | flag))
        try:
            yield
        finally:
            fcntl.ioctl(file, _SET, struct.pack("=I4x", before))


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def mounted_read_only(path: Path) -> Iterator[None]:
    """Mount a file or folder read-only over itself."""
    subprocess.run(("mount", "--bind", str(path), str(path)), check=True)
    try:
        subprocess.run(("mount", "-o", "remount,ro,bind", str(path)), check=True)
        yield
    finally:
        subprocess.run(("umount", str(path)), check=True)


@contextmanager
def running(path: Path) -> Iterator[None]:
    """Run a program that lies in the volume: its file cannot be written to."""
    shutil.copy("/bin/sleep", path)
    with subprocess.Popen((str(path), "600")) as process:
        try:
            yield
        finally:
            process.kill()


def _immutable(path: Path) -> ExitStack:
    return _entered(flagged(path, _IMMUTABLE))


def _append_only(path: Path) -> ExitStack:
    return _entered(flagged(path, _APPEND))


def _entered(context: object) -> ExitStack:
    stack = ExitStack()
    stack.enter_context(context)  # type: ignore[arg-type]  # a context manager of any kind
    return stack


def _folder_in_place(path: Path) -> ExitStack:
    path.unlink()
    path.mkdir()
    (path / "mine").write_text("mine\n")
    return ExitStack()


_KEEPS: dict[str, tuple[Callable[[Path], ExitStack], str]] = {
    "immutable": (_immutable, "it is immutable (chattr -i)"),
    "append-only": (_append_only, "it is append-only (chattr -a)"),
    "mounted read-only": (lambda path: _entered(mounted_read_only(path)), "read-only file system"),
    "a program that runs": (lambda path: _entered(running(path)), "text file busy"),
    "a folder with files": (_folder_in_place, "is a folder instead of a file"),
}


@pytest.mark.parametrize("kind", _KEEPS)
def test_a_file_whose_content_cannot_be_restored_is_a_failure_that_names_it(
    wiki: Sidecar, kind: str
) -> None:
    """The other files are restored all the same, and the counts say so."""
    keeps, why = _KEEPS[kind]
    for name in _NAMES[:3]:
        (wiki.volume / name).write_text("spoiled\n")
    with keeps(wiki.volume / "2"):
        said = restored(wiki, "--path", "data", expected=1)
        text = wiki.run("backup-runner", "restore", "--path", "data")

    assert (said["status"], said["class"]) == ("failure", "source")
    (failed,) = said["failed"]
    assert failed["path"] == str(wiki.volume / "2")
    assert why in failed["reason"]
    assert (said["changed"], said["unchanged"]) == (2, 4)
    assert said["bytes"] == 2 * len("1 as it was\n")
    assert "1 file could NOT be restored: " in said["message"]
    assert text.returncode == 1
    lines = [json.loads(line) for line in text.stdout.splitlines()]
    assert any(line["level"] == "error" and line["message"].startswith("not restored: ")
               for line in lines)  # fmt: skip
    assert (wiki.volume / "1").read_text() == "1 as it was\n"
    assert (wiki.volume / "3").read_text() == "3 as it was\n"


@pytest.mark.parametrize("kind", ["immutable", "append-only", "mounted read-only"])
def test_an_unwritable_file_that_is_already_correct_is_no_failure(wiki: Sidecar, kind: str) -> None:
    keeps, _ = _KEEPS[kind]
    (wiki.volume / "1").write_text("spoiled\n")
    with keeps(wiki.volume / "2"):
        said = restored(wiki, "--path", "data")

    assert said["failed"] == []
    assert (said["changed"], said["unchanged"]) == (1, 6)
    assert said["status"] == "warning"
    assert said["refused"] == [str(wiki.volume / "2")]


def test_a_different_file_of_the_same_size_and_time_is_restored(wiki: Sidecar) -> None:
    """As a disk spoils one, or a restore that failed midway leaves it."""
    file = wiki.volume / "1"
    found = file.stat()
    file.write_text(file.read_text().swapcase())
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))

    said = restored(wiki)

    assert file.read_text() == "1 as it was\n"
    assert (said["changed"], said["status"]) == (1, "success")


def test_a_repeated_restore_still_fails(wiki: Sidecar) -> None:
    """restic sets the time of a file whose content it could not write: it looks unchanged then."""
    file = wiki.volume / "1"
    size = file.stat().st_size
    shutil.copy("/bin/sleep", file)
    shutil.copy("/bin/sleep", wiki.volume / "2")
    wiki.back_up()
    with (wiki.volume / "1").open("r+b") as opened:
        opened.seek(-1, os.SEEK_END)
        opened.write(b"x")
    with subprocess.Popen((str(file), "600")) as process:
        try:
            for _ in range(2):
                said = restored(wiki, expected=1)
                assert [each["path"] for each in said["failed"]] == [str(file)]
        finally:
            process.kill()

    restored(wiki)

    assert file.read_bytes() == (wiki.volume / "2").read_bytes()
    assert file.stat().st_size > size


def test_files_of_another_owner_fail_without_permission(wiki: Sidecar) -> None:
    """restic says of all of them that chmod or lchown was refused: some are as they should be."""
    for path in (wiki.volume, *wiki.volume.rglob("*")):
        os.chown(path, 1234, 1234)
    wiki.volume.chmod(0o777)
    for name in _NAMES[:2]:
        (wiki.volume / name).write_text("spoiled\n")

    done = wiki.run(*NO_RIGHTS, "backup-runner", "restore", "--json")

    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert [each["path"] for each in said["failed"]] == [
        str(wiki.volume / name) for name in _NAMES[:2]
    ]
    assert (said["changed"], said["unchanged"], said["bytes"]) == (0, 5, 0)
    assert said["refused_total"] == 7  # five files, a folder and the volume


def test_owners_alone_are_a_warning(wiki: Sidecar) -> None:
    for path in wiki.volume.rglob("*"):
        os.chown(path, 1234, 1234)
        path.chmod(0o666 if path.is_file() else 0o777)
    (wiki.volume / "1").write_text("spoiled\n")

    done = wiki.run(*NO_RIGHTS, "backup-runner", "restore", "--json")

    said = json.loads(done.stdout)
    assert (done.returncode, said["status"], said["failed"]) == (0, "warning", [])
    assert (wiki.volume / "1").read_text() == "1 as it was\n"
    assert said["changed"] == 1
    assert "owners, modes, times or attributes of " in said["message"]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_files_of_another_owner_fail_without_root(wiki: Sidecar, elsewhere: bool) -> None:
    """restic itself says nothing of owners, modes and times that it could not set there."""
    wiki._extra = {**wiki._extra, **other_user(wiki.root.parent)}
    for path in wiki.root.parent.rglob("*"):
        os.chown(path, OTHER, OTHER, follow_symlinks=False)
    there = wiki.root / "there"
    folder = there / "data" if elsewhere else wiki.volume
    if elsewhere:
        shutil.copytree(wiki.volume, folder)
        os.chown(there, OTHER, OTHER)
    folder.chmod(0o777)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 1234, 1234)
    (folder / "1").write_text("spoiled\n")

    words = ("--to", str(there)) if elsewhere else ()
    done = wiki.run("backup-runner", "restore", "--json", *words, user=OTHER)

    said = json.loads(done.stdout)
    assert done.returncode == 1, done.stdout
    (failed,) = said["failed"]
    assert failed["path"] == str(folder / "1")
    assert "permission denied" in failed["reason"] or "not permitted" in failed["reason"]


@pytest.mark.parametrize("flag", [_IMMUTABLE, _APPEND])
def test_a_folder_that_allows_no_creation_or_deletion(wiki: Sidecar, flag: int) -> None:
    (wiki.volume / "folder" / "new").write_text("new\n")
    if flag == _IMMUTABLE:
        (wiki.volume / "folder" / "inner").unlink()
    with flagged(wiki.volume / "folder", flag):
        said = restored(wiki, "--delete", expected=1)

    reasons = {Path(each["path"]).name: each["reason"] for each in said["failed"]}
    assert "cannot be deleted: operation not permitted" in reasons["new"]
    assert said["deleted"] == 0
    if flag == _IMMUTABLE:
        assert "is missing: its folder is immutable (chattr -i)" in reasons["inner"]


def test_a_link_a_pipe_and_an_empty_folder_are_replaced(wiki: Sidecar) -> None:
    """As a file of the same name does."""
    before = tree(wiki.volume)
    for name in _NAMES[:3]:
        (wiki.volume / name).unlink()
    (wiki.volume / "1").symlink_to("/etc/passwd")
    os.mkfifo(wiki.volume / "2")
    (wiki.volume / "3").mkdir()
    shutil.rmtree(wiki.volume / "folder")
    (wiki.volume / "folder").write_text("a file\n")
    tried = restored(wiki, "--dry-run")

    said = restored(wiki)

    assert trees.differences(before, tree(wiki.volume)) == []
    counts = ("created", "changed", "deleted", "unchanged", "bytes")
    assert [said[each] for each in counts] == [1, 4, 0, 3, 3 * len("1 as it was\n") + 6]
    assert [tried[each] for each in counts] == [said[each] for each in counts]


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a small file system."""
    subprocess.run(
        ("mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "small", str(folder)), check=True
    )
    try:
        yield
    finally:
        subprocess.run(("umount", str(folder)), check=True)


def test_a_full_disk_is_a_failure_that_names_files_and_no_success_later(wiki: Sidecar) -> None:
    large = os.urandom(3 << 20)
    (wiki.volume / "large").write_bytes(large)
    (wiki.volume / "also large").write_bytes(large[::-1])
    wiki.back_up()
    target = wiki.root / "small"
    target.mkdir()
    with small_disk(target, "4m"):
        said = restored(wiki, "--to", str(target), expected=1)
        again = restored(wiki, "--to", str(target), expected=1)

        assert {said["class"], again["class"]} == {"space"}
        named = {Path(each["path"]).name for each in said["failed"]}
        assert named & {"large", "also large"}
        assert all("no space left on device" in each["reason"] for each in said["failed"])
        subprocess.run(("mount", "-o", "remount,size=20m", str(target)), check=True)
        assert restored(wiki, "--to", str(target))["failed"] == []
        assert (target / "data" / "large").read_bytes() == large


def test_further_names_of_a_file_and_a_file_that_closed(wiki: Sidecar) -> None:
    (wiki.volume / "linked").hardlink_to(wiki.volume / "1")
    wiki.back_up()
    (wiki.volume / "linked").unlink()
    (wiki.volume / "linked").write_text("another\n")
    with flagged(wiki.volume / "linked", _IMMUTABLE):
        said = restored(wiki, expected=1)
    assert [each["path"] for each in said["failed"]] == [str(wiki.volume / "linked")]

    assert restored(wiki)["failed"] == []
    assert (wiki.volume / "linked").samefile(wiki.volume / "1")


def test_names_that_are_not_utf_8_are_restored(wiki: Sidecar) -> None:
    for name in (b"caf\xe9", b"\xff\xfe two", b"\xe2\x82"):
        (wiki.volume / os.fsdecode(name)).write_text("as it was\n")
    wiki.back_up()
    file = wiki.volume / os.fsdecode(b"caf\xe9")
    file.write_text("spoiled\n")
    with flagged(file, _IMMUTABLE):
        said = restored(wiki, expected=1)
    assert [each["path"] for each in said["failed"]] == [f"{wiki.volume}/caf\ufffd"]

    assert (restored(wiki, "--delete")["status"], file.read_text()) == ("success", "as it was\n")


@pytest.mark.parametrize("which", ["", "-wal"])
def test_a_database_that_cannot_be_replaced_keeps_its_wal_and_journal(
    wiki: Sidecar, which: str
) -> None:
    """Its -wal holds what was committed; beside another file it would spoil that."""
    wiki.change_secret(BACKUP_SQLITE="**/*.db")
    path = database(wiki.volume / "app.db", "WAL")
    wiki.back_up()
    path.write_bytes(path.read_bytes() + b"newer")
    wal = Path(f"{path}-wal")
    wal.write_bytes(b"committed")
    before = path.read_bytes()
    with flagged(Path(f"{path}{which}"), _IMMUTABLE):
        said = restored(wiki, expected=1)

    (failed,) = said["failed"]
    assert failed["path"] == str(path)
    assert f"cannot be replaced: {path}{which}: operation not permitted" in failed["reason"]
    assert (path.read_bytes(), wal.read_bytes()) == (before, b"committed")
    assert (restored(wiki)["failed"], wal.exists()) == ([], False)


def test_folders_around_a_database_keep_their_modes(wiki: Sidecar) -> None:
    wiki.change_secret(BACKUP_SQLITE="**/*.db")
    folder = wiki.volume / "of the app" / "inner"
    folder.mkdir(parents=True)
    path = database(folder / "app.db")
    for each in (folder, folder.parent):
        os.chown(each, 1000, 1001)
        each.chmod(0o2775)
    wiki.back_up()
    before = tree(wiki.volume)
    for words in ((), ("--path", "data/of the app/inner/app.db")):
        for lost in (path, folder.parent):
            if lost.is_dir():
                shutil.rmtree(lost)
            else:
                lost.unlink()
            said = restored(wiki, *words)
            assert said["status"] == "success"
            changed = trees.differences(before, tree(wiki.volume))
            ours = ("app.db': digest", "mtime_ns")  # a copy; and a folder in which one came
            assert [line for line in changed if not any(each in line for each in ours)] == []


@pytest.mark.parametrize("flag", [_IMMUTABLE])
def test_a_file_that_cannot_be_restored_blocks_the_pod(wiki: Sidecar, flag: int) -> None:
    """It names the file; once nothing is in the way, all of it comes."""
    before = lose(wiki)
    for pack in wiki.repository.glob("data/*/*"):
        pack.chmod(0o600)
    work = Staging(wiki.volume, seal=Seal(PASSWORD.encode()))
    work.make()
    work.begin(wiki.snapshots()[-1]["id"])
    stage = wiki.volume / ".backup-restore" / "files" / "data"
    stage.mkdir()
    (stage / "4").write_text("half\n")
    with flagged(stage / "4", flag):
        start = Start(wiki).run(1)

    assert f"{wiki.volume} is not restored: data/4 has 5 bytes instead of 12" in start.told
    assert "it is immutable" in start.told
    assert any(line["message"].startswith("not restored: data/4") for line in start.lines)
    assert inside(wiki.volume) == [".backup-restore"]
    Start(wiki).run()
    assert trees.differences(before, tree(wiki.volume)) == []


def test_a_pod_starts_if_only_attributes_cannot_be_restored(wiki: Sidecar) -> None:
    """Its container has few rights; contents are all there, which restic's words do not tell."""
    os.setxattr(wiki.volume / "1", "trusted.comment", b"text")
    wiki.back_up()
    lose(wiki)
    few = ("setpriv", "--bounding-set", "-all,+dac_override,+fowner,+chown", "--inh-caps", "-all")
    start = Start(wiki)
    environment = [f"{key}={text}" for key, text in start.environment.items()]

    done = wiki.run(*few, "env", *environment, "backup-runner", "populate")

    assert done.returncode == 0, done.stdout
    assert "owners, devices or the like could not be restored: " in done.stdout
    assert "/data/1" in done.stdout
    assert (wiki.volume / "1").read_text() == "1 as it was\n"
    again = wiki.run(*few, "backup-runner", "restore", "--json")
    said = json.loads(again.stdout)
    assert (said["status"], said["refused"]) == ("warning", [str(wiki.volume / "1")])
    assert (again.returncode, said["failed"], said["unchanged"]) == (0, [], 7)
