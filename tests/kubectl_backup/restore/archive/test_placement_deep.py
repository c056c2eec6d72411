"""What is moved into folders that are there: deep ones as those at the top."""

import os
from pathlib import Path

import pytest

from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.restore.archive import placement


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What was unpacked: a file in folders, and one beside them."""
    made = tmp_path / "source"
    (made / "a" / "b" / "c").mkdir(parents=True)
    (made / "a" / "b" / "c" / "file").write_text("theirs")
    (made / "top").write_text("theirs")
    return made


@pytest.mark.parametrize("link", ["a", "a/b", "a/b/c"])
def test_through_a_link_however_deep_nothing_is_moved(
    tmp_path: Path, source: Path, link: str
) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    (folder / link).parent.mkdir(parents=True)
    outside.mkdir()
    (folder / link).symlink_to(outside)

    with pytest.raises(ClusterError, match=f"through the link {folder}/{link}$"):
        placement.place(source, folder)

    assert list(outside.iterdir()) == []
    assert not (folder / "top").exists()


def test_no_descriptor_stays_open(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    before = len([*Path("/proc/self/fd").iterdir()])

    placement.place(source, folder)

    assert len([*Path("/proc/self/fd").iterdir()]) == before
    assert (folder / "a" / "b" / "c" / "file").read_text() == "theirs"


def test_a_folder_that_is_there_takes_mode_and_times(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "mine").write_text("mine")
    (source / "a").chmod(0o750)
    os.utime(source / "a", (1000, 2000))

    placement.place(source, folder)

    found = (folder / "a").stat()
    assert (found.st_mode & 0o777, found.st_mtime) == (0o750, 2000)
    assert (folder / "a" / "mine").read_text() == "mine"


def test_what_cannot_be_moved_is_named_and_the_rest_is(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("mine")

    troubles = placement.place(source, folder)

    assert str(troubles) == "a: a file is in its place"
    assert (folder / "a").read_text() == "mine"
    assert (folder / "top").read_text() == "theirs"


def test_five_troubles_are_named_and_the_others_counted() -> None:
    troubles, others = placement.Troubles(), placement.Troubles()
    for number in range(4):
        troubles.add(str(number))
        others.add(f"other{number}")

    troubles.extend(others)

    assert (troubles.count, str(troubles)) == (8, "0, 1, 2, 3, other0 and 3 more")
    troubles.add("last")
    assert str(troubles) == "0, 1, 2, 3, other0 and 4 more"
