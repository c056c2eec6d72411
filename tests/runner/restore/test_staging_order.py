"""What a name says of restored files is true of the disk, and what vouches for them goes last."""

import ctypes
import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import names
from runner.restore.staging import Staging
from runner.sandbox import libc
from runner.volume import moving
from runner.volume.beneath import Folder


class Disk:
    """The C library, whose syncfs tells what lay there, or fails as on a broken disk."""

    def __init__(self, volume: Path, *, is_broken: bool = False) -> None:
        self._volume = volume
        self._real = ctypes.CDLL(None, use_errno=True)
        self._is_broken = is_broken
        self.found: list[tuple[set[str], set[str]]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def syncfs(self, descriptor: int) -> int:
        """Note what is in the staging folder and in the volume at this moment."""
        work = self._volume / names.STAGING
        inside = {each.name for each in work.iterdir()}
        self.found.append((inside, {each.name for each in self._volume.iterdir()}))
        if self._is_broken:
            ctypes.set_errno(errno.EIO)
            return -1
        return int(self._real.syncfs(descriptor))


@pytest.fixture
def begun(tmp_path: Path) -> Callable[[], Staging]:
    """Return what begins a restore of one file."""

    def begin() -> Staging:
        work = Staging(tmp_path / "data")
        work.make()
        work.begin("a snapshot")
        folder = Path(work.files, "data")
        folder.mkdir(parents=True)
        (folder / "file").write_text("ours\n")
        return work

    return begin


def test_files_are_synced_before_their_note_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: Callable[[], Staging]
) -> None:
    work = begun()
    disk = Disk(tmp_path / "data")
    monkeypatch.setattr(libc, "libc", lambda: disk)

    work.gathered()
    work.put_in_place()

    (gathered, _), (moved, volume) = disk.found
    assert "files" in gathered
    assert not gathered & {"whole", "done", "gathered"}
    assert "whole" in moved
    assert "done" not in moved
    assert "file" in volume
    assert {"done"} <= {each.name for each in (tmp_path / "data" / names.STAGING).iterdir()}


def test_a_failed_sync_leaves_the_restore_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: Callable[[], Staging]
) -> None:
    work = begun()
    monkeypatch.setattr(libc, "libc", lambda: Disk(tmp_path / "data", is_broken=True))

    with pytest.raises(OSError, match="Input/output error"):
        work.gathered()

    assert not (tmp_path / "data" / names.STAGING / "whole").exists()
    assert not work.is_gathered


def test_the_note_is_removed_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: Callable[[], Staging]
) -> None:
    """A kill in between leaves the end of a restore, never the beginning of one."""
    removed: list[str] = []
    remove = moving.remove

    def noted(folder: Folder, name: str) -> None:
        removed.append(name)
        remove(folder, name)

    work = begun()
    work.gathered()
    work.put_in_place()
    (tmp_path / "data" / names.STAGING / "modes").touch()
    monkeypatch.setattr(moving, "remove", noted)

    work.remove()

    assert removed[-3:] == ["snapshot", "done", "gathered"]
    assert not (tmp_path / "data" / names.STAGING).exists()
