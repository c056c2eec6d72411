"""Empty volumes are filled before a pod starts, by real restic: everything, or the pod waits."""

import os
import shutil
from pathlib import Path
from tempfile import mkdtemp

import pytest

from contract import names
from demo import app, trees
from tests import needs
from tests.integration.backup.hard_tree import build_hard_tree
from tests.integration.restore.restores import Start, by_others, inside, lose, tree, with_repository
from tests.integration.sidecars import OTHER, Sidecar, other_user
from tests.runner.databases.sqlite.test_copies import SOUND, database, money, written


@pytest.fixture
def wiki(tmp_path: Path) -> Sidecar:
    """A sidecar with a filled volume and a good snapshot of it."""
    made = with_repository(Sidecar(tmp_path))
    app.write_files(made.volume)
    made.back_up()
    return made


def test_an_empty_volume_is_restored_unchanged(tmp_path: Path) -> None:
    """Odd names, links, modes, owners, attributes, times; and nothing is left of the work."""
    sidecar = with_repository(Sidecar(tmp_path))
    build_hard_tree(sidecar.volume)
    sidecar.volume.chmod(0o2750)
    owner = (1000, 1001) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(sidecar.volume, *owner)
    sidecar.back_up()
    before = lose(sidecar)

    start = Start(sidecar).run()

    assert trees.differences(before, tree(sidecar.volume)) == []
    found = sidecar.volume.stat()
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o2750, *owner)
    assert f"{sidecar.volume} restored, from snapshot " in start.told
    assert sidecar.back_up()["status"] == "success"


def test_a_volume_with_files_is_kept_without_reading_the_repository(wiki: Sidecar) -> None:
    (wiki.volume / "mine").write_text("new\n")
    before = tree(wiki.volume)
    shutil.rmtree(wiki.repository)

    start = Start(wiki).run()

    assert tree(wiki.volume) == before
    assert start.told == "no volume is empty; nothing is restored"


def test_lost_and_found_is_no_content(wiki: Sidecar) -> None:
    before = lose(wiki)
    (wiki.volume / "lost+found").mkdir()

    Start(wiki).run()

    assert trees.differences(before, tree(wiki.volume)) == ["'lost+found': unexpected directory"]


@pytest.mark.parametrize("begun", [False, True])
def test_the_first_start_of_a_workload_is_empty(tmp_path: Path, begun: bool) -> None:
    """Be there a repository yet or not; the log says so."""
    sidecar = Sidecar(tmp_path)
    if begun:
        with_repository(sidecar)

    start = Start(sidecar).run()

    assert inside(sidecar.volume) == []
    assert f"{sidecar.volume} starts empty: there is no snapshot of wiki" in start.told


@pytest.mark.parametrize("begun", [False, True])
def test_a_required_restore_blocks_the_first_start(tmp_path: Path, begun: bool) -> None:
    sidecar = Sidecar(tmp_path)
    if begun:
        with_repository(sidecar)

    start = Start(sidecar, BACKUP_RESTORE="required").run(1)

    assert "with files of it, and one is required" in start.told
    assert [line["level"] for line in start.lines][-1] == "error"


def test_a_wrong_password_blocks_with_a_message_until_it_is_corrected(wiki: Sidecar) -> None:
    before = lose(wiki)
    wiki.change_secret(RESTIC_PASSWORD="mistyped")

    start = Start(wiki).run(1)
    assert "wrong password" in start.told
    assert "tried again in 0 s, until then the pod does not start" in start.said
    assert inside(wiki.volume) == [names.STAGING]

    wiki.change_secret(RESTIC_PASSWORD="correct horse battery staple")
    Start(wiki).run()
    assert trees.differences(before, tree(wiki.volume)) == []


BLOCKED = {
    "wrong password": ({"RESTIC_PASSWORD": "mistyped"}, {}, "auth"),
    "a moment that is none": ({}, {"BACKUP_RESTORE_AS_OF": "yesterday"}, "config"),
}  # fmt: skip


@pytest.mark.parametrize("case", BLOCKED)
def test_the_log_has_fields_for_class_and_next_retry(wiki: Sidecar, case: str) -> None:
    """For `kubectl backup status`; the messages stay as they are."""
    secret, variables, failure = BLOCKED[case]
    lose(wiki)
    wiki.change_secret(**secret)

    start = Start(wiki, BACKUP_OPEN_TIMEOUT_SECONDS="1", **variables).run(1)

    *tries, last = [line for line in start.lines if line["level"] == "error"]
    assert (last["failure"], last["message"], "next" in last) == (failure, start.told, False)
    for line in tries:
        assert line["failure"] == failure
        assert str(line["message"]).endswith(
            "; tried again in 0 s, until then the pod does not start"
        )
        assert str(line["next"]) >= str(line["time"])
    assert bool(tries) is ("moment that is none" not in case)


def test_an_unwritable_volume_is_a_source_failure(wiki: Sidecar) -> None:
    """Here a file stands where the work is done."""
    lose(wiki)
    (wiki.volume / names.STAGING).write_text("in the way\n")

    start = Start(wiki).run(1)

    assert {line["failure"] for line in start.lines if line["level"] == "error"} == {"source"}
    assert names.STAGING in start.told


def test_a_repository_that_returns_ends_the_wait(wiki: Sidecar) -> None:
    """Without a new start of the container."""
    before = lose(wiki)
    away = wiki.repository.rename(wiki.repository.with_name("away"))
    wiki.repository.write_text("no folder")
    start = Start(wiki, BACKUP_RESTORE_SECONDS="60")

    with start.running() as process:
        assert process.stdout is not None
        line = ""
        while "tried again" not in line:
            line = process.stdout.readline()
            assert line, "it ended"
        back = wiki.repository.with_name("back")
        back.symlink_to(away)
        back.replace(wiki.repository)  # at no moment is there no repository
        start.ends(process)

    assert trees.differences(before, tree(wiki.volume)) == []


def test_a_pod_deleted_while_it_waits_ends_at_once(wiki: Sidecar) -> None:
    """And says what it had waited for."""
    lose(wiki)
    wiki.change_secret(RESTIC_PASSWORD="mistyped")
    start = Start(wiki, BACKUP_RESTORE_SECONDS="9999", BACKUP_RESTORE_PAUSE_SECONDS="600")

    with start.running() as process:
        assert process.stdout is not None
        line = ""
        while "tried again in 600 s" not in line:
            line = process.stdout.readline()
            assert line, "it ended"
        process.terminate()
        start.ends(process, 1)

    assert "wrong password" in start.told


def test_a_missing_secret_blocks(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    sidecar.secret.clear()
    sidecar.change_secret()

    assert Start(sidecar).run(1).told == "RESTIC_REPOSITORY is not set: put it into the Secret"


def test_a_workload_of_the_same_name_elsewhere_never_gets_the_files(tmp_path: Path) -> None:
    sidecar = with_repository(Sidecar(tmp_path))
    app.write_files(sidecar.volume)
    by_others(sidecar, "stage", "wiki")
    by_others(sidecar, "prod", "other")
    by_others(sidecar, "prod", "wiki", "StatefulSet")
    lose(sidecar)

    assert "starts empty" in Start(sidecar).run().told
    assert inside(sidecar.volume) == []


def test_restore_from_another_namespace_restores_its_files(tmp_path: Path) -> None:
    sidecar = with_repository(Sidecar(tmp_path))
    app.write_files(sidecar.volume)
    by_others(sidecar, "stage", "old-wiki")
    before = lose(sidecar)

    Start(sidecar, BACKUP_RESTORE_FROM="stage/old-wiki").run()

    assert trees.differences(before, tree(sidecar.volume)) == []


def test_two_matching_workloads_are_named(tmp_path: Path) -> None:
    sidecar = with_repository(Sidecar(tmp_path))
    app.write_files(sidecar.volume)
    for kind in ("Deployment", "StatefulSet"):
        by_others(sidecar, "stage", "wiki", kind)
    lose(sidecar)

    start = Start(sidecar, BACKUP_RESTORE_FROM="stage/wiki").run(1)

    assert "more than one workload has snapshots of wiki" in start.told


def test_restore_as_of_accepts_a_time_or_a_snapshot(wiki: Sidecar) -> None:
    first = tree(wiki.volume)
    (wiki.volume / "later").write_text("later\n")
    wiki.back_up()
    older, newer = wiki.snapshots()

    for as_of in (older["id"][:8], older["time"], "2001-01-01T00:00:00Z"):
        lose(wiki)
        found = Start(wiki, BACKUP_RESTORE_AS_OF=as_of)
        if as_of.startswith("2001"):
            assert "there is no snapshot of 2001-01-01T00:00:00Z or before" in found.run(1).told
            assert "the oldest is snapshot " in found.told
        else:
            found.run()
            assert trees.differences(first, tree(wiki.volume)) == []
    lose(wiki)
    Start(wiki, BACKUP_RESTORE_AS_OF=newer["time"]).run()
    assert (wiki.volume / "later").exists()
    lose(wiki)
    assert (
        "there is no snapshot 0badcafe" in Start(wiki, BACKUP_RESTORE_AS_OF="0badcafe").run(1).told
    )
    assert "cannot be understood" in Start(wiki, BACKUP_RESTORE_AS_OF="yesterday").run(1).told


def test_a_complete_snapshot_is_preferred_to_a_doubtful_one(wiki: Sidecar) -> None:
    before = tree(wiki.volume)
    (wiki.volume / "wreck").write_text("all that was left\n")
    wiki.restic("backup", *_MINE, "--tag", "doubtful", "--", str(wiki.volume))
    lose(wiki)

    Start(wiki).run()

    assert trees.differences(before, tree(wiki.volume)) == []


def test_a_doubtful_snapshot_is_restored_where_there_is_no_other(tmp_path: Path) -> None:
    sidecar = with_repository(Sidecar(tmp_path))
    app.write_files(sidecar.volume)
    sidecar.restic("backup", *_MINE, "--tag", "doubtful", "--", str(sidecar.volume))
    before = lose(sidecar)

    assert "which is doubtful" in Start(sidecar).run().told
    assert trees.differences(before, tree(sidecar.volume)) == []


_MINE = (
    "--host", "wiki", "--tag", "ns=prod", "--tag", "kind=Deployment", "--tag", "workload=wiki",
)  # fmt: skip


def test_snapshots_without_files_of_the_volume_and_dumps_are_skipped(wiki: Sidecar) -> None:
    before = lose(wiki)
    (wiki.volume / "lost+found").mkdir()
    wiki.restic("backup", *_MINE, "--exclude", "lost+found", "--", str(wiki.volume))
    wiki.restic("backup", *_MINE, "--tag", "dump=postgres", "--", str(wiki.path("/etc")))
    (wiki.volume / "lost+found").rmdir()

    Start(wiki).run()

    assert trees.differences(before, tree(wiki.volume)) == []


def test_a_volume_that_was_always_empty_does_not_list_each_snapshot(
    tmp_path: Path,
) -> None:
    sidecar = with_repository(Sidecar(tmp_path))
    for _ in range(5):
        sidecar.restic("backup", *_MINE, "--", str(sidecar.volume))

    start = Start(sidecar).run()

    assert "starts empty" in start.told
    assert start.said.count("restoring from") == 1


def test_the_newest_snapshot_with_files_is_found_among_empty_ones(tmp_path: Path) -> None:
    sidecar = with_repository(Sidecar(tmp_path))
    for text in ("older", "newer", ""):
        if text:
            (sidecar.volume / "file [of] two").write_text(text)
        else:
            (sidecar.volume / "file [of] two").unlink()
        sidecar.restic("backup", *_MINE, "--", str(sidecar.volume))
        sidecar.restic("backup", *_MINE, "--force", "--", str(sidecar.volume))

    start = Start(sidecar).run()

    assert (sidecar.volume / "file [of] two").read_text() == "newer"
    assert start.said.count("restoring from") == 2


def test_each_volume_is_restored_from_a_snapshot_with_its_files(tmp_path: Path) -> None:
    sidecar = with_repository(Sidecar(tmp_path))
    second = sidecar.path("/backup/second volume ü")
    second.mkdir()
    (second / "of the second").write_text("2\n")
    app.write_files(sidecar.volume)
    sidecar.back_up()
    shutil.rmtree(second)
    (sidecar.volume / "later").write_text("later\n")
    sidecar.back_up()
    second.mkdir()
    before = lose(sidecar)

    start = Start(sidecar).run()

    assert trees.differences(before, tree(sidecar.volume)) == []
    assert inside(second) == ["of the second"]
    assert start.told.count(" restored, from snapshot ") == 2


def test_a_volume_with_files_stays_beside_a_restored_one(tmp_path: Path) -> None:
    sidecar = with_repository(Sidecar(tmp_path))
    second = sidecar.path("/backup/second")
    second.mkdir()
    (second / "of the second").write_text("2\n")
    app.write_files(sidecar.volume)
    sidecar.back_up()
    (second / "of the second").write_text("changed since\n")
    before = lose(sidecar)

    Start(sidecar).run()

    assert trees.differences(before, tree(sidecar.volume)) == []
    assert (second / "of the second").read_text() == "changed since\n"


def test_a_missing_folder_of_a_volume_is_created(tmp_path: Path) -> None:
    sidecar = with_repository(Sidecar(tmp_path, annotations={"backup.volumes": "data:app/files"}))
    folder = sidecar.volume / "app" / "files"
    folder.mkdir(parents=True)
    (folder / "one").write_text("1\n")
    sidecar.back_up()
    lose(sidecar)

    Start(sidecar).run()

    assert (folder / "one").read_text() == "1\n"
    assert inside(folder) == ["one"]


def test_a_folder_without_a_backup_is_not_created(tmp_path: Path) -> None:
    sidecar = with_repository(Sidecar(tmp_path, annotations={"backup.volumes": "data:app/files"}))

    Start(sidecar).run()

    assert inside(sidecar.volume) == []


@pytest.mark.parametrize("also", [True, False])
def test_a_copy_of_a_database_is_restored_in_its_place(tmp_path: Path, also: bool) -> None:
    """Also where nothing else is in the volume; folders keep their modes."""
    sidecar = with_repository(Sidecar(tmp_path, annotations={"backup.sqlite": "**/*.db"}))
    folder = sidecar.volume / "of the app"
    folder.mkdir()
    folder.chmod(0o2775)
    path = database(folder / "app.db", "WAL")
    path.chmod(0o664)
    if also:
        app.write_files(sidecar.volume)
    with written(path, "WAL"):
        sidecar.back_up()
    lose(sidecar)

    Start(sidecar).run()

    assert money(path) == SOUND
    assert path.stat().st_mode & 0o7777 == 0o664
    assert folder.stat().st_mode & 0o7777 == 0o2775
    assert (sidecar.volume / "pages").exists() is also


def test_a_held_lock_does_not_block_a_restore(wiki: Sidecar) -> None:
    """Nor a repository that cannot be written to."""
    lose(wiki)
    (wiki.repository / "locks" / ("0" * 64)).write_text("held by who knows whom")

    Start(wiki).run()

    assert inside(wiki.volume)


@needs.root.mark
def test_owners_that_cannot_be_restored_are_a_warning(tmp_path: Path) -> None:
    sidecar = with_repository(Sidecar(tmp_path))
    build_hard_tree(sidecar.volume)
    sidecar.back_up()
    before = lose(sidecar)
    start = Start(sidecar)

    done = sidecar.run(
        "setpriv", "--bounding-set", "-all,+dac_override,+fowner", "--inh-caps", "-all",
        "env", *(f"{key}={text}" for key, text in start.environment.items()),
        "backup-runner", "populate",
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert "owners, devices or the like could not be restored: " in done.stdout
    found = trees.differences(
        before, tree(sidecar.volume), ignore=frozenset({"uid", "gid", "mode"})
    )
    lost = [line for line in found if "missing" in line or "digest" in line]
    assert lost == ["'owners/null': missing char"]


def test_a_damaged_pack_blocks(wiki: Sidecar) -> None:
    lose(wiki)
    for pack in wiki.repository.glob("data/*/*"):
        pack.chmod(0o600)
        pack.write_bytes(b"\0" * pack.stat().st_size)

    start = Start(wiki).run(1)

    assert "cannot be restored" in start.told or "restoring failed" in start.told
    assert inside(wiki.volume) == [names.STAGING]


def test_a_backup_leaves_out_a_restore_in_progress(wiki: Sidecar) -> None:
    """And a volume that holds nothing else is an empty one."""
    lose(wiki)
    (wiki.volume / names.STAGING / "files").mkdir(parents=True)
    (wiki.volume / names.STAGING / "files" / "half").write_text("half")

    ended = wiki.back_up(1)

    assert (ended["status"], ended["class"]) == ("failure", "source")
    assert names.STAGING not in wiki.restic("ls", "latest")


def test_a_mirror_is_not_restored_automatically(tmp_path: Path) -> None:
    sidecar = Sidecar(
        tmp_path, annotations={"backup.engine": "rclone"}, secret={"BUP_DST": f"{tmp_path}/mirror"}
    )

    assert "only backup.engine restic restores automatically" in Start(sidecar).run(1).told


def test_no_secret_is_shown(wiki: Sidecar) -> None:
    lose(wiki)
    wiki.change_secret(RESTIC_REPOSITORY="rest:http://user:s3cret-word@127.0.0.1:1/repository")

    start = Start(wiki).run(1)

    assert "s3cret-word" not in start.told + str(start.lines)


@needs.root.mark
def test_a_user_without_root_restores_closed_folders() -> None:
    """As `restricted` has it: their owner moves folders that nobody may write to."""
    folder = Path(mkdtemp(prefix="restore-", dir="/var/tmp"))  # pytest's are closed to others
    try:
        sidecar = with_repository(Sidecar(folder))
        sidecar._extra = {**sidecar._extra, **other_user(folder)}
        closed = sidecar.volume / "closed"
        (closed / "inner").mkdir(parents=True)
        (closed / "file").write_text("1\n")
        (closed / "inner").chmod(0o555)
        closed.chmod(0o555)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, OTHER, OTHER, follow_symlinks=False)
        assert sidecar.run("backup-runner", "run", user=OTHER).returncode == 0
        before = lose(sidecar)
        for path in (sidecar.volume, sidecar.path("/var/lib/backup")):
            os.chown(path, OTHER, OTHER)
        start = Start(sidecar)
        environment = [f"{key}={text}" for key, text in start.environment.items()]

        done = sidecar.run("env", *environment, "backup-runner", "populate", user=OTHER)

        assert done.returncode == 0, done.stdout
        assert trees.differences(before, tree(sidecar.volume)) == []
    finally:
        shutil.rmtree(folder)
