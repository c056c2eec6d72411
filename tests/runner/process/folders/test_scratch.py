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


def test_what_nobody_may_read_or_change_is_removed(folder: Path) -> None:
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
