"""Restores before a pod starts, killed and disturbed at every moment: all of it comes, once."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from contract import names
from demo import trees
from tests import needs
from tests.cluster.work import until
from tests.faults.network import line
from tests.faults.network.line import WORKS, Fault, Line, always
from tests.integration.restore.restores import Start, inside, kill, lose, tree, with_repository
from tests.integration.sidecars import Sidecar, Tree
from tests.services import rest

_FOLDERS = 300  # right below the volume, so that the move takes its time
_PARTS = 8  # of a restore's time; at the end of each, one is killed


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Line]:
    """A line to a server of the repositories in the test's folder."""
    with rest.serve(tmp_path) as url, line.to(url) as made:
        yield made


@pytest.fixture
def lost(tmp_path: Path, way: Line) -> tuple[Sidecar, Tree]:
    """A sidecar whose volume was lost, and what was in it; the line leads to its repository."""
    secret = {"RESTIC_REPOSITORY": f"rest:{way.url}/repository/"}
    sidecar = with_repository(Sidecar(tmp_path, secret=secret))
    for number in range(_FOLDERS):
        folder = sidecar.volume / f"folder {number}"
        folder.mkdir()
        (folder / "file").write_text(f"{number}\n")
        (folder / "file").chmod(0o640)
        os.chown(folder / "file", 1000 + number, 2000)
        (folder / "link").hardlink_to(folder / "file")
        folder.chmod(0o2750)
    (sidecar.volume / "large").write_bytes(os.urandom(8 << 20))
    sidecar.back_up()
    return sidecar, lose(sidecar)


def hold(sidecar: Sidecar, way: Line) -> threading.Event:
    """Let restic come no further once it restores files: it waits for what is in them.

    The event is when it is so. It goes on when the line works again.
    """
    held = threading.Event()

    def rule(_method: str, path: str) -> Fault:
        if not held.is_set() and ("/data/" not in path or not _has_begun(sidecar)):
            return WORKS
        held.set()
        return Fault(hangs=True)

    way.rule = rule
    return held


def _has_begun(sidecar: Sidecar) -> bool:
    return any(staged(sidecar, "files").rglob("folder *"))


def is_whole(sidecar: Sidecar, before: Tree) -> bool:
    """Prove that all is there as it was, and nothing of the work."""
    assert trees.differences(before, tree(sidecar.volume)) == []
    return True


def staged(sidecar: Sidecar, name: str) -> Path:
    """Return a name in the folder of the work."""
    return sidecar.volume / names.STAGING / name


def test_a_restore_that_is_killed_at_any_moment(lost: tuple[Sidecar, Tree]) -> None:
    """From the first trace of its work on the volume; what is before that leaves nothing."""
    sidecar, before = lost
    with _at_work(sidecar) as process:
        began = time.monotonic()
        assert process.wait(120) == 0
    lasts, killed = time.monotonic() - began, 0
    for part in range(_PARTS):
        for path in sidecar.volume.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        with _at_work(sidecar) as process:
            try:
                process.wait(lasts * part / _PARTS)
            except subprocess.TimeoutExpired:
                kill(process)
                killed += 1
        Start(sidecar).run()
        assert is_whole(sidecar, before)
    assert killed > 2


@contextmanager
def _at_work(sidecar: Sidecar) -> Iterator[subprocess.Popen[str]]:
    """Start a restore; the block begins when something of it is on the volume."""
    with Start(sidecar).running() as process:
        until(lambda: any(sidecar.volume.iterdir()), "the restore begins", 120)
        yield process


@pytest.mark.parametrize("done", [0.0, 0.3, 0.9])
def test_a_restore_that_is_killed_while_it_moves_files_into_place(
    lost: tuple[Sidecar, Tree], done: float
) -> None:
    """It is completed without the repository, also where that is not there any more."""
    sidecar, before = lost
    with Start(sidecar).running() as process:
        # Moving takes a moment only: where it is over before we look, there is nothing to do.
        until(
            lambda: len(inside(sidecar.volume)) > 1 + done * _FOLDERS,
            "files are moved", 120,
        )  # fmt: skip
        kill(process)
    away = sidecar.repository.rename(sidecar.repository.with_name("away"))

    start = Start(sidecar).run()

    assert is_whole(sidecar, before)
    assert "as an earlier attempt began" in start.told or "no volume is empty" in start.told
    away.rename(sidecar.repository)


def test_a_pod_that_is_deleted_during_a_restore(lost: tuple[Sidecar, Tree], way: Line) -> None:
    """Its container ends in seconds and says why; the next pod goes on at once."""
    sidecar, before = lost
    start = Start(sidecar, "wiki-1")
    held = hold(sidecar, way)
    with start.running() as process:
        assert held.wait(120)
        process.terminate()
        start.ends(process, 1)
    assert "stopped before completion" in start.told
    way.rule = always(WORKS)
    began = time.monotonic()

    Start(sidecar, "wiki-2", BACKUP_RESTORE_STALE_SECONDS="600").run()

    assert is_whole(sidecar, before)
    assert time.monotonic() - began < 60


def test_two_pods_that_start_with_one_volume(lost: tuple[Sidecar, Tree], way: Line) -> None:
    """However long it takes: one restores, the other waits until that is done."""
    sidecar, before = lost
    stale = {"BACKUP_RESTORE_STALE_SECONDS": "9"}  # a disk may be busy for some of them
    first, second = Start(sidecar, "wiki-1", **stale), Start(sidecar, "wiki-2", **stale)
    held = hold(sidecar, way)
    with ExitStack() as pods:
        one = pods.enter_context(first.running())
        assert held.wait(120)
        two = pods.enter_context(second.running())
        with pytest.raises(subprocess.TimeoutExpired):
            two.wait(12)  # longer than a claim that nobody keeps counts
        way.rule = always(WORKS)
        second.ends(two)
        assert is_whole(sidecar, before)
        first.ends(one)

    assert is_whole(sidecar, before)
    assert "restoring from" in first.said
    assert "restoring from" not in second.said
    assert "waiting for the pod that restores it" in second.said
    # Or it sees the very end of the work, of which nothing is left to do.
    done = ("another pod restored it", "restored, as an earlier attempt began")
    assert any(words in second.told for words in done)


def test_many_pods_that_start_at_the_same_moment(lost: tuple[Sidecar, Tree]) -> None:
    sidecar, before = lost
    patient = {"BACKUP_RESTORE_STALE_SECONDS": "60"}  # nobody goes away, however busy it is
    starts = [Start(sidecar, f"wiki-{number}", **patient) for number in range(4)]
    with ExitStack() as pods:
        running = [pods.enter_context(start.running()) for start in starts]
        for start, process in zip(starts, running, strict=True):
            start.ends(process)
            assert is_whole(sidecar, before)

    assert sum("restoring from" in start.said for start in starts) == 1


def test_a_pod_whose_node_vanished_while_another_waits(
    lost: tuple[Sidecar, Tree], way: Line
) -> None:
    sidecar, before = lost
    second = Start(sidecar, "wiki-2")
    held = hold(sidecar, way)
    with ExitStack() as pods:
        one = pods.enter_context(Start(sidecar, "wiki-1").running())
        assert held.wait(120)
        two = pods.enter_context(second.running())
        kill(one)
        way.rule = always(WORKS)
        second.ends(two)

    assert is_whole(sidecar, before)
    assert "restoring from" in second.said


def test_a_container_that_restarts_in_its_pod(lost: tuple[Sidecar, Tree], way: Line) -> None:
    """What it began is its own: it does not wait for itself."""
    sidecar, before = lost
    held = hold(sidecar, way)
    with Start(sidecar, "wiki-1").running() as process:
        assert held.wait(120)
        kill(process)
    way.rule = always(WORKS)
    start = Start(sidecar, "wiki-1", BACKUP_RESTORE_STALE_SECONDS="3600")

    start.run()

    assert is_whole(sidecar, before)
    assert "waiting" not in start.said


def test_files_that_another_pod_writes_in_between(lost: tuple[Sidecar, Tree], way: Line) -> None:
    """It survives, whatever was to come in its place; folders of both are merged."""
    sidecar, before = lost
    start = Start(sidecar)
    held = hold(sidecar, way)
    with start.running() as process:
        assert held.wait(120)
        (sidecar.volume / "theirs").write_text("theirs\n")
        (sidecar.volume / "large").write_text("theirs, and small\n")
        (sidecar.volume / "folder 7").mkdir()
        (sidecar.volume / "folder 7" / "theirs").write_text("theirs\n")
        (sidecar.volume / "folder 7" / "file").write_text("theirs\n")
        way.rule = always(WORKS)
        start.ends(process)

    found = trees.differences(before, tree(sidecar.volume))
    assert [line for line in found if "folder 7" not in line and "'large'" not in line] == [
        "'theirs': unexpected file"
    ]
    assert (sidecar.volume / "large").read_text() == "theirs, and small\n"
    assert (sidecar.volume / "folder 7" / "file").read_text() == "theirs\n"
    assert inside(sidecar.volume / "folder 7") == ["file", "link", "theirs"]
    assert (
        f"kept files that others wrote during the restore: {sidecar.volume}/folder 7/file, "
        in start.said
    )


def test_a_full_volume(tmp_path: Path) -> None:
    """The pod waits; with room it starts."""
    needs.root()
    sidecar = with_repository(Sidecar(tmp_path))
    (sidecar.volume / "large").write_bytes(os.urandom(3 << 20))
    sidecar.back_up()
    before = lose(sidecar)
    subprocess.run(
        ("mount", "-t", "tmpfs", "-o", "size=1m", "none", str(sidecar.volume)), check=True
    )
    try:
        start = Start(sidecar).run(1)
        assert "no space left on device" in start.told.lower()
        subprocess.run(("mount", "-o", "remount,size=9m", str(sidecar.volume)), check=True)
        Start(sidecar).run()
        assert is_whole(sidecar, before)
    finally:
        subprocess.run(("umount", str(sidecar.volume)), check=True)


def test_a_snapshot_removed_before_the_restore_resumes(
    lost: tuple[Sidecar, Tree], way: Line
) -> None:
    """The next one is taken, and no file that only the first one had."""
    sidecar, before = lost
    held = hold(sidecar, way)
    with Start(sidecar).running() as process:
        assert held.wait(120)
        kill(process)
    way.rule = always(WORKS)
    begun = json.loads(staged(sidecar, "snapshot").read_text())["fact"]
    (staged(sidecar, "files") / sidecar.volume.name).mkdir(exist_ok=True)
    (staged(sidecar, "files") / sidecar.volume.name / "of the first").write_text("1\n")
    sidecar.restic("tag", "--add", "another-id", begun)

    Start(sidecar).run()

    assert is_whole(sidecar, before)
