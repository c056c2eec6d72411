"""Locks that others hold, and locks that nobody holds any more."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import needs
from tests.cluster.work import until
from tests.faults.network import line
from tests.faults.night import Night, is_outcome, last_line
from tests.faults.repository.locks import Holder, leave
from tests.integration.sidecars import PASSWORD
from tests.services import rest

OWN, FOREIGN = socket.gethostname(), "of-another-node"  # restic's name of this host
KEPT = {
    "a fresh one of another's": (Holder(FOREIGN),),
    "one of another's that was refreshed in time": (Holder(FOREIGN, minutes=25),),
    "a fresh one of a run of ours that was killed": (Holder(OWN),),
    "an old and a fresh one": (Holder(FOREIGN, minutes=90), Holder(OWN)),
    "an old and a fresh one of a backup": (
        Holder(FOREIGN, minutes=90), Holder(FOREIGN, exclusive=False),
    ),
    "one from the future": (Holder(FOREIGN, minutes=-90),),
}  # fmt: skip
REMOVED = {
    "an old one of another's": (Holder(FOREIGN, minutes=31),),
    "an old one of ours": (Holder(OWN, minutes=31),),
    "several old ones": (
        Holder(OWN, minutes=40), Holder(FOREIGN, minutes=9000),
        Holder(FOREIGN, minutes=50, exclusive=False),
    ),
}  # fmt: skip
HARMLESS = {
    "a fresh one of a backup": (Holder(FOREIGN, exclusive=False),),
    "an old one of a backup": (Holder(FOREIGN, minutes=90, exclusive=False),),
}


@pytest.mark.parametrize("case", KEPT)
def test_a_lock_that_may_be_held(tmp_path: Path, case: str) -> None:
    night = Night(tmp_path)
    left = {leave(night.sidecar, holder) for holder in KEPT[case]}

    night.back_up("skipped", "locked")

    assert night.locks() == left
    for each in left:
        each.unlink()  # as those do that hold them
    assert night.ends()["status"] == "success"


def test_a_lock_of_a_clock_that_was_years_ahead(tmp_path: Path) -> None:
    """It stays, for its holder may be at work; whose it is and how it is removed is told."""
    night = Night(tmp_path)
    left = leave(night.sidecar, Holder(FOREIGN, minutes=-3 * 365 * 24 * 60))

    ended = night.back_up("skipped", "locked")

    assert f"locked by {FOREIGN}, since 20" in ended["message"]
    assert "unlock --remove-all" in ended["message"]
    assert night.locks() == {left}
    night.sidecar.restic("unlock", "--remove-all")
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("case", REMOVED)
def test_locks_that_are_all_stale(tmp_path: Path, case: str) -> None:
    night = Night(tmp_path)
    for holder in REMOVED[case]:
        leave(night.sidecar, holder)

    night.back_up()

    assert night.locks() == set()
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("case", HARMLESS)
def test_a_lock_that_blocks_no_backup(tmp_path: Path, case: str) -> None:
    night = Night(tmp_path)
    left = {leave(night.sidecar, holder) for holder in HARMLESS[case]}

    night.back_up()

    assert night.locks() == left
    assert night.ends()["status"] == "success"


def test_a_lock_released_during_the_wait(tmp_path: Path) -> None:
    with rest.serve(tmp_path) as url, line.to(url) as way:
        night = Night(tmp_path, RESTIC_REPOSITORY=f"rest:{way.url}/repository/")
        night.sidecar._extra = {**night.sidecar._extra, "BACKUP_LOCK_PATIENCE_SECONDS": "60"}
        lock = leave(night.sidecar, Holder(FOREIGN))
        with night.running() as run:
            until(lambda: _asked_for(way, lock), "the lock has been seen", 120)
            lock.unlink()
            ended = last_line(run, is_outcome)

        night.ended(ended, "success")
        assert night.ends()["status"] == "success"


def _asked_for(way: line.Line, lock: Path) -> bool:
    return any(method == "GET" and path.endswith(lock.name) for method, path in list(way.seen))


@contextmanager
def _checking(night: Night, *elsewhere: str) -> Iterator[Path]:
    """Let a restic check, which takes its time; give its lock."""
    slowly = ("--read-data", "--limit-download", "1")
    with subprocess.Popen(
        (*elsewhere, "restic", "check", "--no-cache", "-q", *slowly),
        env={
            "PATH": os.environ["PATH"], "HOME": str(night.root), "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_REPOSITORY": str(night.sidecar.repository),
        },
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            until(lambda: bool(night.locks()), "the repository is locked", 120)
            yield night.locks().pop()
            assert process.poll() is None
        finally:
            process.kill()


def test_a_lock_held_longer_than_the_wait(tmp_path: Path) -> None:
    night = Night(tmp_path)
    with _checking(night) as lock:
        night.back_up("skipped", "locked")

        assert lock.exists()
    night.sidecar.restic("unlock")
    assert night.ends()["status"] == "success"


@needs.root.mark
def test_a_lock_of_an_invisible_holder(tmp_path: Path) -> None:
    """A node runs many pods of equal host names: restic alone would take it for nobody's."""
    night = Night(tmp_path)
    with _checking(night, "unshare", "--pid", "--fork", "--kill-child") as lock:
        night.back_up("skipped", "locked")

        assert lock.exists()
    lock.unlink()
    assert night.ends()["status"] == "success"
