"""Little memory: what can be given back costs nothing, and the rest costs one backup at most."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import needs
from tests.cluster.work import until
from tests.faults.night import Night, is_outcome, last_line
from tests.faults.node.limited import Limited, limited
from tests.integration.sidecars import Json

MIB = 1 << 20


pytestmark = pytest.mark.usefixtures("released_restic")


@pytest.fixture(autouse=True)
def as_much_memory_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository that opens at once takes 60 MiB less than those of restic's own making."""
    monkeypatch.setattr(Night, "template", None)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night with one snapshot behind it."""
    return Night(tmp_path)


def _run(night: Night, group: Limited) -> Json:
    with night.running(*group.argv("backup-runner", "run")) as process:
        return last_line(process, is_outcome)


@needs.root.mark
def test_a_page_cache_that_fills_the_limit(night: Night) -> None:
    """The kernel takes it back by itself."""
    night.write("large", 160 * MIB)
    with limited(144 * MIB) as group:
        ended = _run(night, group)

        assert group.peak > 140 * MIB
        assert group.kills == 0
    night.ended(ended, "success")
    assert night.ends()["status"] == "success"


@needs.root.mark
def test_memory_that_comes_near_the_limit(night: Night) -> None:
    """restic is stopped before the kernel kills: no lock is left."""
    # The less restic does before it is looked at, the farther it is from being killed till then.
    night.write("large", 4 * MIB)
    night.sidecar.change_secret(RESTIC_ADDITIONAL_BACKUP_PARAMETERS="--limit-upload 60")
    with limited(512 * MIB) as group:
        with group.holding(425 * MIB):
            ended = _run(night, group)

        assert group.kills == 0
    night.ended(ended, "failure", "memory")
    assert "backup.memory-limit" in ended["message"]
    assert not list((night.sidecar.repository / "locks").iterdir())
    night.sidecar.change_secret(RESTIC_ADDITIONAL_BACKUP_PARAMETERS="")
    assert night.ends()["status"] == "success"


@needs.root.mark
def test_restic_that_the_kernel_kills(night: Night) -> None:
    """For want of memory, faster than anybody looks."""
    unseen = '[ "$1" != backup ] || kill -STOP $PPID'  # who would look
    with (
        limited(96 * MIB) as group,
        group.holding(58 * MIB),
        _restic_after(night, unseen),
        night.running(*group.argv("backup-runner", "run")) as process,
    ):
        until(lambda: group.kills > 0, "the kernel kills", 120)
        process.send_signal(signal.SIGCONT)
        ended = last_line(process, is_outcome)

    night.ended(ended, "failure", "memory")
    assert "killed by signal 9" in ended["message"]
    assert len(night.sidecar.snapshots()) == 1
    assert night.ends()["status"] == "success"


@contextmanager
def _restic_after(night: Night, command: str) -> Iterator[None]:
    """Let each restic come after a command of the same process."""
    folder = night.root / "before"
    folder.mkdir()
    script = f'#!/bin/sh\n{command}\nexec "{shutil.which("restic")}" "$@"\n'
    (folder / "restic").write_text(script)
    (folder / "restic").chmod(0o755)
    before = night.sidecar._extra
    night.sidecar._extra = {**before, "PATH": f"{folder}:{os.environ['PATH']}"}
    yield
    night.sidecar._extra = before


def test_restic_that_gets_no_more_memory(night: Night) -> None:
    """It ends itself, and says why in a hundred lines."""
    with _restic_after(night, "ulimit -v 100000"):
        night.back_up("failure", "memory")

    assert len(night.sidecar.snapshots()) == 1
    assert night.ends()["status"] == "success"
