"""Folders and files are reached by their names alone, and are what they seem."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.volume import held_files

ODD: dict[str, Callable[[Path], object]] = {
    "a link to a folder": lambda path: path.symlink_to(path.parent / "real"),
    "a link out": lambda path: path.symlink_to("/etc"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a file": lambda path: path.write_text("x"),
    "a pipe": os.mkfifo,
    "nothing": lambda _: None,
}


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with a file in a folder."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("content")
    return tmp_path


@pytest.mark.parametrize("parts", [("odd",), ("odd", "deeper"), ("real", "..", "odd")])
@pytest.mark.parametrize("kind", ODD)
def test_a_folder_is_reached_through_no_link(
    volume: Path, kind: str, parts: tuple[str, ...]
) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    ODD[kind](volume / "odd")
    (volume / "real" / "deeper").mkdir()

    with pytest.raises(OSError, match=r"odd|deeper|\d"):
        held_files.folder(str(volume), parts)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_folder_itself_may_be_reached_by_a_link(volume: Path) -> None:
    """It is named by who mounts it."""
    (volume / "mounted").symlink_to("real")

    here = held_files.folder(str(volume / "mounted"), ())
    held = held_files.hold("file", here)

    assert held
    assert os.read(held.open(), 99) == b"content"


def test_an_open_file_stays_the_same_after_its_name_is_replaced(volume: Path) -> None:
    here = held_files.folder(str(volume), ("real",))
    held = held_files.hold("file", here)
    assert held
    (volume / "real" / "file").unlink()
    (volume / "real" / "file").symlink_to("/etc/passwd")

    assert os.read(held.open(), 99) == b"content"
    with pytest.raises(held_files.IrregularError, match="is not a regular file"):
        held_files.hold("file", here)
    assert held_files.hold("missing", here) is None
