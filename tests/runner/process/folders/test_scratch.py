"""Scratch is emptied whatever lies in it, also by who is not root."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from runner.process.folders import scratch
from tests.integration.sidecars import OTHER


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of a user who is not root, as whom the test runs."""
    # Not in tmp_path: what lies above it is root's alone, and other tests' at the same time.
    with TemporaryDirectory() as own:
        made = Path(own) / "scratch"
        made.mkdir()
        if os.geteuid():
            yield made
            return
        os.chown(made, OTHER, OTHER)
        os.chown(own, OTHER, OTHER)
        os.seteuid(OTHER)
        try:
            yield made
        finally:
            os.seteuid(0)


def test_unreadable_and_read_only_leftovers_are_removed(folder: Path) -> None:
    deep = folder / "closed" / "read only"
    deep.mkdir(parents=True)
    (deep / "file").touch(mode=0o000)
    (folder / "link").symlink_to(folder.parent)
    deep.chmod(0o500)
    deep.parent.chmod(0o000)

    scratch.fresh(folder)

    assert list(folder.iterdir()) == []
    assert list(folder.parent.iterdir()) == [folder]


def test_a_link_in_scratch_changes_nothing_outside(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.touch(mode=0o444)
    (folder / "link").symlink_to(outside)

    scratch.empty(folder)

    assert not folder.exists()
    assert outside.stat().st_mode & 0o777 == 0o444


def test_a_fresh_scratch_folder_exists_and_is_empty(folder: Path) -> None:
    (folder / "old").write_text("left by the last run")
    missing = folder.parent / "missing"

    for each in (folder, missing):
        scratch.fresh(each)

        assert list(each.iterdir()) == []
        (each / "new").touch()


def test_a_link_in_place_of_scratch_is_not_followed(folder: Path) -> None:
    """What it leads to is an app's, or the backup of one."""
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "kept").touch(mode=0o444)
    folder.rmdir()
    folder.symlink_to(outside)

    scratch.empty(folder)

    assert [(each.name, each.stat().st_mode & 0o777) for each in outside.iterdir()] == [
        ("kept", 0o444)
    ]


def test_opened_folders_are_readable_by_us_alone(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir()
    (closed / "file").touch(mode=0o000)
    closed.chmod(0o000)

    scratch.open_up(folder)

    assert closed.stat().st_mode & 0o777 == 0o700
    assert (closed / "file").stat().st_mode & 0o777 == 0o600


MIB = 1 << 20


@pytest.mark.parametrize(
    ("blocks", "free", "most", "room", "reserve"),
    [
        # 4 KiB each: a large disk keeps 256 MiB, a small one a twentieth.
        (100 << 18, 1 << 18, 2048 * MIB, 768 * MIB, 256 * MIB),
        (100 << 18, 1 << 18, 500 * MIB, 500 * MIB, 256 * MIB),
        (100 << 18, 256 << 8, 500 * MIB, 0, 256 * MIB),
        (100 << 18, 1 << 8, 500 * MIB, 0, 256 * MIB),
        (2000 << 8, 500 << 8, 2048 * MIB, 400 * MIB, 100 * MIB),
    ],
)
def test_a_share_of_the_disk_stays_free(
    monkeypatch: pytest.MonkeyPatch, blocks: int, free: int, most: int, room: int, reserve: int
) -> None:
    # Free for root alone are 9 blocks more.
    disk = os.statvfs_result((1024, 4096, blocks, free + 9, free, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: disk)

    assert scratch.room(Path("/any"), most) == room
    assert scratch.reserve(Path("/any")) == reserve
