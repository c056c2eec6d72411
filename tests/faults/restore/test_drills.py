"""What restore drills find that a backup cannot see."""

import os
import signal
from pathlib import Path

import pytest

from tests.faults.network.line import Line
from tests.faults.night import Night, end

_SIZE = 1 << 20


def _pack(night: Night) -> Path:
    """Return the pack that holds most of the data."""
    return max(night.sidecar.repository.glob("data/*/*"), key=lambda path: path.stat().st_size)


def _found(night: Night) -> str:
    """Back up with a drill; return what it says of its failure. The backup itself is good."""
    night.make_tasks_due()
    assert night.sidecar.back_up()["status"] == "success"
    drill = night.sidecar.status()["tasks"]["verify"]
    assert (drill["status"], drill["last_success"]) == ("failure", None)
    assert list((night.sidecar.path("/var/lib/backup") / "tmp").iterdir()) == []
    message: str = drill["message"]
    return message


def test_a_pack_that_is_damaged(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.write("big", _SIZE)
    night.sidecar.back_up()
    pack = _pack(night)
    whole = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(whole[:1000] + bytes(byte ^ 1 for byte in whole[1000:1100]) + whole[1100:])

    found = _found(night)

    assert found.startswith(f"{night.sidecar.volume / 'big'} cannot be restored: ")
    assert "`restic check --read-data`" in found
    pack.write_bytes(whole)
    night.ends()
    assert night.sidecar.run("backup-runner", "verify").returncode == 0


def test_a_missing_pack(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.write("big", _SIZE)
    night.sidecar.back_up()
    pack = _pack(night)
    pack.rename(tmp_path / "aside")

    found = _found(night)

    assert found.startswith(f"{night.sidecar.volume / 'big'} cannot be restored: ")
    (tmp_path / "aside").rename(pack)
    night.ends()
    assert night.sidecar.run("backup-runner", "verify").returncode == 0


def test_a_restored_file_that_is_not_the_live_one(tmp_path: Path) -> None:
    night = Night(tmp_path)
    file = night.sidecar.volume / "kept"
    before = file.stat()
    night.write("kept", before.st_size)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    # restic sees by its change time that it changed; the drill tries what is there without it.
    done = night.sidecar.run("backup-runner", "verify")

    assert done.returncode == 1
    found = night.sidecar.status()["tasks"]["verify"]["message"]
    assert found.startswith(f"{file} was restored with different content")
    night.ends()
    assert night.sidecar.run("backup-runner", "verify").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_drill_that_is_interrupted(tmp_path: Path, way: Line, number: signal.Signals) -> None:
    """What it restored is removed, at the latest by the next run."""
    night = Night(tmp_path, RESTIC_REPOSITORY=f"rest:{way.url}/repository/")
    night.write("big", _SIZE)
    night.back_up()
    with night.running("backup-runner", "verify") as drill:
        night.held_in(drill, "restore", way)
        end(drill, number)
        drill.communicate()

    left = _scratch(night)
    if number == signal.SIGTERM:
        assert night.sidecar.status()["tasks"]["verify"]["status"] == "interrupted"
        assert night.sidecar.restic("list", "locks") == ""
        assert not left
    assert night.ends()["status"] == "success"
    assert not _scratch(night)
    assert night.sidecar.run("backup-runner", "verify").returncode == 0


def test_restic_killed_during_a_drill(tmp_path: Path, way: Line) -> None:
    """As the kernel does when memory runs out; a lock that is left hinders no backup."""
    night = Night(tmp_path, RESTIC_REPOSITORY=f"rest:{way.url}/repository/")
    with night.running("backup-runner", "verify") as drill:
        os.kill(night.held_in(drill, "restore", way), signal.SIGKILL)
        drill.communicate()

    assert drill.returncode == 1
    known = night.sidecar.status()["tasks"]["verify"]
    assert known["status"] == "failure"
    assert "killed by signal 9" in known["message"]
    assert not _scratch(night)
    assert night.ends()["status"] == "success"
    assert night.sidecar.run("backup-runner", "verify").returncode == 0


def _scratch(night: Night) -> list[Path]:
    return list((night.sidecar.path("/var/lib/backup") / "tmp").iterdir())
