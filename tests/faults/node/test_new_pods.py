"""Pods that know nothing of before: their state is lost, and the repository knows."""

import os
import shutil
from pathlib import Path

import pytest

from contract import names
from tests.faults.night import Night
from tests.integration.backup.test_failures import ALL_KEEPS

MIB = 1 << 20


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night with two snapshots behind it, the latter a large one, and a new pod."""
    made = Night(tmp_path, KEEP_LAST="9")
    made.write("large", 4 * MIB)
    made.back_up()
    _forget_everything(made)
    return made


def _forget_everything(night: Night) -> None:
    """Let the next run be of a pod that is new."""
    for path in night.sidecar.path("/var/lib/backup").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    night.told.begin_anew()


@pytest.mark.parametrize("how", ["run", "tick"])
def test_a_volume_that_shrank_before_the_pod_was_new(night: Night, how: str) -> None:
    """How much there was, and when, the newest snapshot says."""
    large = (night.sidecar.volume / "large").read_bytes()
    (night.sidecar.volume / "large").unlink()
    if how == "tick":
        night.sidecar.annotate({"backup.schedule": "@monthly"})
        night.sidecar._extra = {**night.sidecar._extra, "BACKUP_CATCH_UP_SECONDS": "0"}
        night.sidecar.run("backup-runner", "tick", "--start")
        assert night.sidecar.status()["last_success"]
        assert night.sidecar.status()["last"] is None  # the slot was served by the pod before

    ended = night.back_up("warning", "source")

    assert "shrank from 2 files" in ended["message"]
    assert night.sidecar.status()["held"] is True
    (night.sidecar.volume / "large").write_bytes(large)
    assert night.ends()["status"] == "success"


def test_a_volume_that_was_emptied_before_the_pod_was_new(night: Night) -> None:
    kept = {path: path.read_bytes() for path in night.sidecar.volume.iterdir()}
    for path in kept:
        path.unlink()

    night.back_up("failure", "source")

    assert night.sidecar.status()["held"] is True
    for path, content in kept.items():
        path.write_bytes(content)
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("new_each_time", [True, False])
@pytest.mark.parametrize("left", [0, 1])
def test_a_volume_that_lost_its_files_and_pods_that_are_new(
    night: Night, left: int, *, new_each_time: bool
) -> None:
    """Their own snapshots do not become what is usual, and push no good one out."""
    night.sidecar.change_secret(**dict.fromkeys(ALL_KEEPS, "0"), KEEP_LAST="1")
    good = {each["id"] for each in night.sidecar.snapshots()}
    kept = {path: path.read_bytes() for path in night.sidecar.volume.iterdir()}
    for path in kept:
        path.unlink()
    if left:
        night.write("left", 1)

    for _ in range(3):
        night.back_up("warning" if left else "failure", "source")
        assert night.sidecar.status()["held"] is True
        if new_each_time:
            _forget_everything(night)
        else:
            night.make_tasks_due()

    found = {each["id"]: each["tags"] for each in night.sidecar.snapshots()}
    assert good < found.keys()
    assert all(("doubtful" in tags) == (each not in good) for each, tags in found.items())
    for path, content in kept.items():
        path.write_bytes(content)
    assert night.ends()["status"] == "success"


def test_a_healthy_new_pod(night: Night) -> None:
    night.back_up()

    assert night.sidecar.status()["held"] is False
    assert len(night.sidecar.snapshots()) == 3
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("address", ["rest:http://127.0.0.1:9/", "sftp:nobody@127.0.0.1:/x"])
def test_a_new_pod_whose_repository_cannot_be_read(night: Night, address: str) -> None:
    """What it does not know it does not deny, and it asks no more than once until it runs."""
    right = night.sidecar.secret["RESTIC_REPOSITORY"]
    night.sidecar.change_secret(RESTIC_REPOSITORY=address)
    night.sidecar.run("backup-runner", "tick", "--start")

    known = night.sidecar.status()
    said = night.sidecar.run("backup-runner", "status").stdout
    assert (known["last_success"], known["last_success_known"]) == (None, False)
    assert "good since unknown yet" in said
    night.sidecar.change_secret(RESTIC_REPOSITORY=right)
    assert night.ends()["status"] == "success"


def test_a_command_that_waits_for_a_run_that_is_killed(night: Night) -> None:
    """The lock is the process's: nobody waits for the dead."""
    fifo = night.root / "go"
    os.mkfifo(fifo)
    night.sidecar.change_secret(PRE_HOOK=f"cat '{fifo}'")
    with night.running("backup-runner", "run") as first, fifo.open("w"):  # it is in its hook now
        night.sidecar.change_secret(PRE_HOOK="true")
        with night.running("backup-runner", "run") as second:
            assert second.stdout
            assert names.WAITING_MESSAGE in second.stdout.readline()
            first.kill()
            out, _ = second.communicate(timeout=240)

    assert (second.returncode, '"backup success' in out) == (0, True)
    assert night.ends()["status"] == "success"
