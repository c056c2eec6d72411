"""A repository that is damaged: it is called so, no run that follows ends well, and it heals."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.night import Night

_TORN = "0" * 63 + "2"


def _each(folder: Path, change: Callable[[Path], object]) -> None:
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        path.chmod(0o600)
        change(path)


def _flip(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes(byte ^ 1 for byte in whole[40:44]) + whole[44:])


DAMAGE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "the index is lost": ("index", Path.unlink, "repair index"),
    "the index is damaged": ("index", _flip, "repair index"),
    "the index is empty": ("index", lambda path: path.write_bytes(b""), "repair index"),
    "packs are gone": ("data", Path.unlink, "repair index"),
    "packs are cut short": ("data", lambda path: os.truncate(path, 30), "repair"),
    "packs are damaged": ("data", _flip, "repair packs"),
    "snapshots are damaged": ("snapshots", _flip, "snapshot's file"),
    "keys are damaged": ("keys", _flip, "back from a copy"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_a_repository_failure(tmp_path: Path, case: str) -> None:
    """Neither the network's nor a volume's; the next runs do not end well either."""
    night = Night(tmp_path)
    folder, change, cure = DAMAGE[case]
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", night.sidecar.repository, copy], check=True)
    night.sidecar.run("rm", "-rf", str(night.sidecar.path("/var/lib/backup") / "cache"))
    night.write("new", 1 << 10)

    _each(night.sidecar.repository / folder, change)

    for _ in range(2):
        ended = night.back_up("failure", "repository")
        assert cure in ended["message"], ended
        assert "unreadable" not in ended["message"]
        assert ".s:" not in ended["message"]
    night.sidecar.run("rm", "-rf", str(night.sidecar.path("/var/lib/backup") / "cache"))
    subprocess.run(["cp", "-af", f"{copy}/.", night.sidecar.repository], check=True)
    assert night.back_up()["status"] == "success"
    assert night.sidecar.status()["damage"] == ""


def test_a_lost_index_is_repaired_as_the_message_says(tmp_path: Path) -> None:
    """Nothing is pruned meanwhile: no index names the older packs, and repair finds them."""
    night = Night(tmp_path)
    night.write("new", 1 << 10)
    _each(night.sidecar.repository / "index", Path.unlink)
    night.make_tasks_due()
    night.back_up("failure", "repository")
    night.make_tasks_due()
    night.back_up("failure", "repository")
    assert night.sidecar.status()["tasks"] == {}

    for words in (("repair", "index"), ("repair", "snapshots", "--forget")):
        done = night.sidecar.run("backup-runner", "restic", *words)
        assert done.returncode == 0, done.stderr

    assert night.ends()["status"] == "success"


def test_damage_found_only_by_a_drill_is_remembered(tmp_path: Path) -> None:
    """The next backup is no success until a drill finds the same data whole."""
    night = Night(tmp_path)
    night.write("big", 1 << 20)
    night.back_up()
    pack = max(night.sidecar.repository.glob("data/*/*"), key=lambda path: path.stat().st_size)
    whole = pack.read_bytes()
    pack.chmod(0o600)
    _flip(pack)
    assert night.sidecar.run("backup-runner", "verify").returncode == 1
    assert night.sidecar.status()["tasks"]["verify"]["status"] == "failure"

    ended = night.back_up("failure", "repository")

    assert "restic repair packs" in ended["message"]
    pack.write_bytes(whole)
    assert night.ends()["status"] == "success"


def _tear(night: Night, content: bytes, minutes: float) -> Path:
    file = night.sidecar.repository / "locks" / _TORN
    file.write_bytes(content)
    os.utime(file, (time.time() - 60 * minutes,) * 2)
    return file


def test_a_torn_lock_is_removed_when_stale(tmp_path: Path) -> None:
    """Until then it is named, with the cure; restic waits half a minute before it says so."""
    night = Night(tmp_path)
    file = _tear(night, os.urandom(100), 10)

    said = night.sidecar.run("backup-runner", "unlock")

    assert (said.returncode, file.exists()) == (1, True)
    assert "restic unlock --remove-all" in said.stdout
    _tear(night, os.urandom(100), 31)
    assert night.ends()["status"] == "success"
    assert not file.exists()
