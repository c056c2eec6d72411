"""Processes killed at the worst moment: by the kernel, the kubelet or a node that goes away."""

import os
import signal
from pathlib import Path

import pytest

from tests.faults.night import Night, is_outcome, last_line

SLOW = {"RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "--limit-upload 2000"}


def test_restic_killed_during_a_backup(tmp_path: Path) -> None:
    """The kernel takes the process that uses most when memory runs out."""
    night = Night(tmp_path)
    night.write("new", 8 << 20)
    night.sidecar.change_secret(**SLOW)
    with night.running() as run:
        os.kill(night.restic_in(run, "backup"), signal.SIGKILL)
        ended = last_line(run, is_outcome)

    assert (run.returncode, ended["status"], ended["class"]) == (1, "failure", "memory")
    assert night.ends()["status"] == "success"


def test_everything_killed_during_a_backup(tmp_path: Path) -> None:
    """A container that is out of memory, or whose node loses its power."""
    night = Night(tmp_path)
    night.write("new", 8 << 20)
    night.sidecar.change_secret(**SLOW)
    with night.running() as run:
        restic = night.restic_in(run, "backup")
        run.kill()
        os.kill(restic, signal.SIGKILL)

    with night.sidecar.running():
        night.sidecar.wait_for("the run was killed; memory is the usual cause")
    assert night.ends()["status"] == "success"


def test_a_backup_that_is_stopped(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.write("new", 8 << 20)
    night.sidecar.change_secret(**SLOW)
    with night.running() as run:
        night.restic_in(run, "backup")
        run.terminate()
        ended = last_line(run, is_outcome)

    assert ended["status"] == "interrupted"
    assert night.sidecar.restic("list", "locks") == ""
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("chore", ["forget", "prune"])
def test_a_chore_that_is_killed(tmp_path: Path, chore: str) -> None:
    """The backup before it stays a success; its lock keeps others out until it is old."""
    night = Night(tmp_path)
    night.make_chores_due()
    with night.running() as run:
        os.kill(night.restic_in(run, chore), signal.SIGKILL)
        ended = last_line(run, is_outcome)

    assert (run.returncode, ended["status"]) == (0, "success")
    assert night.sidecar.status()["chores"][chore]["status"] == "failure"
    locked = night.sidecar.back_up(expected=75)
    assert (locked["status"], locked["class"]) == ("skipped", "locked")
    night.sidecar.restic("unlock")  # as half an hour does
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("chore", ["prune", "check"])
def test_a_chore_that_is_stopped(tmp_path: Path, chore: str) -> None:
    """It is told, removes its lock, and is tried again after the next backup."""
    night = Night(tmp_path)
    night.make_chores_due()
    with night.running() as run:
        night.restic_in(run, chore)
        run.terminate()
        ended = last_line(run, is_outcome)

    assert (run.returncode, ended["status"]) == (0, "success")
    assert night.sidecar.status()["chores"][chore]["status"] == "interrupted"
    assert night.sidecar.restic("list", "locks") == ""
    assert night.ends()["status"] == "success"
    assert night.sidecar.status()["chores"][chore]["status"] == "success"
