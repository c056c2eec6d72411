"""Restore drills with real restic: what is whole passes, what is not is found and named."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.annotations.schedule import stable_hash
from demo import app, trees
from runner.restic.commands import DUMP_FILES
from runner.state.store import Store
from tests import needs
from tests.integration.backup.hard_tree import build_hard_tree
from tests.integration.maintenance.test_tasks import _make_due
from tests.integration.sidecars import OTHER, Json, Sidecar, other_user
from tests.runner.databases.sqlite.test_copies import database, written

_COMMANDS = ("verify", "check", "prune")


def drilled(sidecar: Sidecar, expected: int, *, user: int | None = None) -> Json:
    """Hold a drill by hand; return what `status` knows of it. Nothing of it stays behind."""
    before = trees.capture(sidecar.volume)

    done = sidecar.run("backup-runner", "verify", user=user)

    assert done.returncode == expected, done.stdout + done.stderr
    assert not done.stderr
    assert trees.capture(sidecar.volume) == before
    assert list((sidecar.path("/var/lib/backup") / "tmp").iterdir()) == []
    known: Json = sidecar.status()["tasks"]["verify"]
    return known


def test_a_tree_with_unusual_names_passes_a_drill(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    build_hard_tree(sidecar.volume)
    sidecar.back_up()
    files = [path for path in sidecar.volume.rglob("*") if path.is_file() and not path.is_symlink()]
    named = [path for path in files if _is_utf_8(path)]
    assert 30 < len(named) < len(files)

    known = drilled(sidecar, 0)

    assert known["status"] == "success"
    count = len(named)
    assert known["message"].startswith(f"{count} files (")
    assert known["message"].endswith(f"restored, {count} of them equal to the live ones")
    assert known["last_success"]


def _is_utf_8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users can reach; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@needs.root.mark
def test_any_user_that_can_read_the_volume_can_run_a_drill(shared: Path) -> None:
    """Read by its group alone, a file comes back as our own, and closed to us."""
    sidecar = Sidecar(shared)
    sidecar._extra = {**sidecar._extra, **other_user(shared)}
    for path in (shared, sidecar.root, *sidecar.root.rglob("*")):
        os.chown(path, OTHER, OTHER, follow_symlinks=False)
    folder = sidecar.volume / "folder of the group"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / name).write_text(f"{name}\n")
        os.chown(folder / name, 0, OTHER)
        (folder / name).chmod(0o040)
    os.chown(folder, 0, OTHER)
    folder.chmod(0o050)
    (sidecar.volume / "of all").write_text("of all\n")
    done = sidecar.run("backup-runner", "run", user=OTHER)
    assert done.returncode == 0, done.stdout + done.stderr

    known = drilled(sidecar, 0, user=OTHER)

    assert known["message"].endswith(" restored, 3 of them equal to the live ones")


@needs.root.mark
def test_root_without_chown_can_run_a_drill(tmp_path: Path) -> None:
    """As the sidecar runs where nobody says whose the volume is."""
    sidecar = Sidecar(tmp_path)
    build_hard_tree(sidecar.volume)
    sidecar.back_up()

    done = sidecar.run(
        "setpriv", "--bounding-set", "-all,+dac_override", "--inh-caps", "-all",
        "backup-runner", "verify",
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert sidecar.status()["tasks"]["verify"]["status"] == "success"


def test_files_changed_or_deleted_since_are_no_failure(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    for name in ("same", "longer", "touched", "gone", "a folder now"):
        (sidecar.volume / name).write_text(f"{name} before\n")
    sidecar.back_up()
    (sidecar.volume / "longer").write_text("much longer than it was before\n")
    (sidecar.volume / "touched").write_text("touched since.\n")
    (sidecar.volume / "gone").unlink()
    (sidecar.volume / "a folder now").unlink()
    (sidecar.volume / "a folder now").mkdir()

    known = drilled(sidecar, 0)

    assert known["message"].endswith("5 files (73 B) restored, 1 of them equal to the live ones")


def test_a_copy_of_a_database_passes_integrity_check(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, annotations={"backup.sqlite": "*.db"})
    app.write_files(sidecar.volume)
    with written(database(sidecar.volume / "app.db"), "WAL"):
        sidecar.back_up()

    assert drilled(sidecar, 0)["message"].endswith(", 1 database intact")


def test_a_damaged_copy_of_a_database_is_found(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    folder = sidecar.path("/var/lib/backup") / "tmp" / "sqlite"
    folder.mkdir(parents=True)
    copy = database(folder / "app.db")
    with copy.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    sidecar.restic(
        "backup", "--host", "wiki", "--tag", "ns=prod", "--tag", "kind=Deployment",
        "--tag", "workload=wiki", "--", str(folder),
    ) if sidecar.restic("init") else None  # fmt: skip

    known = drilled(sidecar, 1)

    assert known["status"] == "failure"
    assert f"{copy} is not an intact database: " in known["message"]


def test_a_snapshot_without_files_is_a_failure(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    (sidecar.volume / "only a folder").mkdir()
    sidecar.back_up()

    known = drilled(sidecar, 1)

    assert known["status"] == "failure"
    assert "the latest snapshot has no files" in known["message"]


def test_without_a_snapshot_a_drill_fails(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)
    sidecar.restic("init")

    assert "no snapshot found" in drilled(sidecar, 1)["message"]


def test_a_drill_follows_a_backup_also_where_retention_is_left_to_others(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, secret={"RESTIC_RETENTION_POLICIES_ENABLED": "false"})
    app.write_files(sidecar.volume)
    sidecar.back_up()
    assert sidecar.status()["tasks"]["verify"]["status"] == "", "it waits for its slot"
    _make_due(sidecar)

    sidecar.back_up()

    tasks = sidecar.status()["tasks"]
    assert list(tasks) == ["verify"]
    assert tasks["verify"]["status"] == "success"


def test_check_and_prune_run_on_request(tmp_path: Path) -> None:
    """Here another workload would have to do them, and not yet."""
    sidecar = Sidecar(tmp_path, annotations={"backup.check": "off", "backup.prune": "off"})
    app.write_files(sidecar.volume)
    sidecar.back_up()
    other = next(f"app-{number}" for number in range(99) if _comes_first(f"app-{number}"))
    sidecar.restic(
        "backup", "--host", other, "--tag", "ns=prod", "--tag", "kind=Deployment",
        "--tag", f"workload={other}", "--", str(sidecar.volume),
    )  # fmt: skip

    statuses = {}
    for task in ("check", "prune"):
        assert sidecar.run("backup-runner", task).returncode == 0
        statuses[task] = sidecar.status()["tasks"][task]["status"]
    next(sidecar.repository.glob("index/*")).unlink()
    damaged = sidecar.run("backup-runner", "check").returncode

    assert statuses == {"check": "success", "prune": "success"}
    assert damaged == 1
    assert sidecar.status()["tasks"]["check"]["status"] == "failure"


def _comes_first(host: str) -> bool:
    """Whether this host is elected before wiki."""
    ours, theirs = (
        stable_hash(f"maintainer/{each}/kind=Deployment/ns=prod/workload={each}")
        for each in ("wiki", host)
    )
    return theirs < ours


def test_a_task_is_skipped_while_another_run_is_in_progress(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path)

    with Store(sidecar.path("/var/lib/backup")).lock():
        found = {
            word: sidecar.run("backup-runner", word, "--no-wait").returncode for word in _COMMANDS
        }

    assert found == dict.fromkeys(_COMMANDS, 75)
    assert not sidecar.repository.exists()


def test_a_missing_password_is_a_failure_that_names_it(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, secret={"RESTIC_PASSWORD": ""})
    del sidecar.secret["RESTIC_PASSWORD"]
    sidecar.change_secret()

    done = sidecar.run("backup-runner", "verify")

    assert done.returncode == 1
    assert "RESTIC_PASSWORD" in done.stdout


@pytest.mark.parametrize(
    ("name", "content", "whole"),
    [
        ("postgres", b"CREATE TABLE x ();\n--\n-- PostgreSQL database dump complete\n--\n", True),
        ("postgres", b"CREATE TABLE x ();\n" * 1000, False),
        ("mysql", b"CREATE TABLE x ();\n-- Dump completed on 2026-11-25  3:00:00\n", True),
        ("mysql", b"CREATE TABLE x ();\n", False),
        ("redis", b"REDIS0011" + b"x" * 9000 + b"\xff" + bytes(8), True),
        ("redis", b"REDIS0011" + b"x" * 9000, False),
    ],
)
def test_a_truncated_dump_is_found(
    tmp_path: Path, name: str, content: bytes, *, whole: bool
) -> None:
    """The one before it, which is whole, counts for nothing."""
    sidecar = Sidecar(tmp_path, annotations={"backup.dump": name})
    (sidecar.volume / "file").write_text("content")
    sidecar.restic("init")
    host, tags = sidecar.status()["host"], sidecar.status()["tags"]
    file = f"/{DUMP_FILES[name]}"
    mine = ("--host", host, *(word for tag in tags for word in ("--tag", tag)))
    dump = ("--tag", f"dump={name}", "--stdin-filename", file, "--stdin-from-command", "--")
    sidecar.restic("backup", *mine, str(sidecar.volume))
    sidecar.restic("backup", *mine, *dump, "echo", "-- PostgreSQL database dump complete")
    part = tmp_path / "dumped"
    part.write_bytes(content)
    sidecar.restic("backup", *mine, *dump, "cat", str(part))

    known = drilled(sidecar, 0 if whole else 1)

    assert (f"complete dumps: {name}" in known["message"]) == whole
    assert (f"the latest dump of {name}" in known["message"]) != whole
