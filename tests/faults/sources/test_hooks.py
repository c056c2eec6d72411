"""Commands of the user's own that fail, hang, talk too much or are not there."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.faults.night import Night, is_outcome, last_line
from tests.integration.sidecars import PASSWORD

TOO_LONG = "took too long"
WRONG = {
    "fails": ("exit 3", "exit status 3"),
    "hangs": ("sleep 999", TOO_LONG),
    "is killed": ("kill -KILL $$", "killed by signal 9"),
    "is not there": ("/no/such/program", "not found"),
    "tells a secret": ('echo "it is $RESTIC_PASSWORD" >&2; exit 1', "it is ***"),
    "talks for ever": ("yes >&2", TOO_LONG),
    "writes one endless line": ("tr '\\0' x < /dev/zero", TOO_LONG),
}
HARMLESS = {
    "leaves a child that holds its output": "sleep 60 & echo started",
    "prints megabytes": "head -c 4000000 /dev/zero; echo; yes | head -c 4000000",
    "knows the repository": f'test "$RESTIC_PASSWORD" = "{PASSWORD}" && cd "$RESTIC_REPOSITORY"',
}


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night in which a command of the user's may take a while."""
    made = Night(tmp_path)
    _may_take(made, 50)
    return made


def _may_take(night: Night, seconds: int) -> None:
    night.sidecar._extra = {**night.sidecar._extra, "BACKUP_HOOK_SECONDS": str(seconds)}


@pytest.mark.parametrize("kind", WRONG)
def test_a_pre_hook_that_fails(night: Night, kind: str) -> None:
    """No backup, and the command after runs."""
    command, why = WRONG[kind]
    _may_take(night, 5 if why == TOO_LONG else 50)
    thawed = night.root / "thawed"
    night.sidecar.change_secret(PRE_HOOK=command, POST_HOOK=f"touch '{thawed}'")

    ended = night.back_up("failure", "config")

    assert why in ended["message"]
    assert PASSWORD not in str(ended)
    assert thawed.exists()
    assert len(night.sidecar.snapshots()) == 1
    night.sidecar.change_secret(PRE_HOOK="")
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("kind", WRONG)
def test_a_post_hook_that_fails(night: Night, kind: str) -> None:
    """The backup counts, and the run says what went wrong after it."""
    command, why = WRONG[kind]
    _may_take(night, 5 if why == TOO_LONG else 50)
    night.sidecar.change_secret(POST_HOOK=command)

    ended = night.back_up("warning", "config")

    assert why in ended["message"]
    assert PASSWORD not in str(ended)
    assert len(night.sidecar.snapshots()) == 2
    night.sidecar.change_secret(POST_HOOK="")
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("kind", HARMLESS)
def test_a_hook_with_unusual_output(night: Night, kind: str) -> None:
    """What it leaves behind or prints holds nothing up."""
    night.sidecar.change_secret(PRE_HOOK=HARMLESS[kind])
    began = time.monotonic()

    night.back_up()

    assert time.monotonic() - began < 50
    assert night.ends()["status"] == "success"


def test_a_stop_during_the_pre_hook(night: Night) -> None:
    """The command after thaws what was frozen."""
    frozen, thawed = night.root / "frozen", night.root / "thawed"
    os.mkfifo(frozen)
    night.sidecar.change_secret(
        PRE_HOOK=f"echo frozen > '{frozen}'; sleep 60", POST_HOOK=f"touch '{thawed}'"
    )
    with night.running() as process:
        assert frozen.read_text() == "frozen\n"  # waits until it is written
        process.send_signal(signal.SIGTERM)
        ended = last_line(process, is_outcome)

    night.ended(ended, "interrupted")
    assert thawed.exists()
    assert len(night.sidecar.snapshots()) == 1
    night.sidecar.change_secret(PRE_HOOK="")
    assert night.ends()["status"] == "success"


def test_a_stop_during_the_post_hook(night: Night) -> None:
    """It may finish, and the backup before it counts."""
    begun, go = night.root / "begun", night.root / "go"
    os.mkfifo(begun)
    os.mkfifo(go)
    night.sidecar.change_secret(POST_HOOK=f"echo begun > '{begun}'; cat '{go}'")
    with night.running() as process:
        assert begun.read_text() == "begun\n"
        process.send_signal(signal.SIGTERM)
        go.write_text("go")
        ended = last_line(process, is_outcome)

    night.ended(ended, "success")
    assert len(night.sidecar.snapshots()) == 2
    night.sidecar.change_secret(POST_HOOK="")
    assert night.ends()["status"] == "success"
