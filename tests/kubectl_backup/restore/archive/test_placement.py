"""What is moved into place when all of it is there, and what is not."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.restore.archive import placement
from kubectl_backup.restore.archive.untar import Bounds, unpack
from tests import needs
from tests.kubectl_backup.restore.archive.blocks import END, file, folder, pieces

_OTHER = 65534  # a user who owns nothing here


def tree(place: Path) -> set[str]:
    """Return all that is at a place."""
    return {str(path.relative_to(place)) for path in place.rglob("*")}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ClusterError, OSError, MemoryError])
@pytest.mark.parametrize("was_there", [True, False])
def test_an_interrupted_restore_leaves_the_folder_unchanged(
    tmp_path: Path, error: type[BaseException], was_there: bool
) -> None:
    place = tmp_path / "x"
    if was_there:
        place.mkdir()
        (place / "a").write_text("mine")

    def interrupted() -> Iterator[bytes]:
        yield file("a", b"theirs") + folder("d", mode=b"0000555\0") + file("d/b")
        assert list(place.glob(f"{placement.PREFIX}*/a"))
        raise error("gone")

    with pytest.raises((error, ClusterError)):
        unpack(interrupted(), place)

    assert place.exists() == was_there
    assert tree(tmp_path) == ({"x", "x/a"} if was_there else set())
    assert not was_there or (place / "a").read_text() == "mine"


def test_nothing_is_in_place_before_the_restore_is_complete(tmp_path: Path) -> None:
    seen: list[set[str]] = []
    archive = b"".join(file(f"a{number}") for number in range(20)) + END

    def looked_at() -> Iterator[bytes]:
        for piece in pieces(archive, 512):
            seen.append({each for each in tree(tmp_path) if not each.startswith(placement.PREFIX)})
            yield piece

    unpack(looked_at(), tmp_path)

    assert len(seen) > 20
    assert not any(seen)
    assert tree(tmp_path) == {f"a{number}" for number in range(20)}


def test_an_incomplete_restore_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    with placement.fresh(tmp_path) as made:
        assert made.stat().st_mode & 0o777 == 0o700
        assert made.parent == tmp_path
        with placement.fresh(tmp_path) as other:
            assert other != made


def test_existing_folders_are_merged_and_get_the_restored_modes(tmp_path: Path) -> None:
    (tmp_path / "d" / "deep").mkdir(parents=True)
    (tmp_path / "d" / "mine").write_text("mine")
    archive = (
        folder("d", mode=b"0000750\0", mtime=b"07346545000\0") + file("d/deep/x") + file("d/y")
    )

    unpack(pieces(archive + END), tmp_path)

    assert tree(tmp_path) == {"d", "d/deep", "d/deep/x", "d/y", "d/mine"}
    made = (tmp_path / "d").stat()
    assert (made.st_mode & 0o7777, made.st_mtime) == (0o750, 1_000_000_000)


@pytest.mark.parametrize("theirs", [file("d"), folder("f") + file("f/x")])
def test_an_entry_that_cannot_be_moved_is_named_and_everything_else_is_restored(
    tmp_path: Path, theirs: bytes
) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine").write_text("mine")
    (tmp_path / "f").write_text("mine")

    with pytest.raises(ClusterError, match=r"the restore is INCOMPLETE: 1 file not written: [df]:"):
        unpack(pieces(theirs + file("z") + END), tmp_path)

    assert tree(tmp_path) == {"d", "d/mine", "f", "z"}
    assert (tmp_path / "f").read_text() == "mine"


def test_a_link_created_meanwhile_is_not_followed(tmp_path: Path) -> None:
    """Somebody swaps a folder of the target for a link while the archive comes."""
    place, outside = tmp_path / "x", tmp_path / "outside"
    (place / "d").mkdir(parents=True)
    outside.mkdir()

    def swapping() -> Iterator[bytes]:
        yield file("a") + folder("d") + file("d/x")
        (place / "d").rmdir()
        (place / "d").symlink_to(outside)
        yield END

    with pytest.raises(ClusterError, match="through the link"):
        unpack(swapping(), place)

    assert tree(tmp_path) == {"x", "x/d", "outside"}


@needs.root.mark
def test_read_only_folders_are_moved_without_root() -> None:
    """To move a folder elsewhere changes its `..`, for which it must be open to writing."""
    place = Path(tempfile.mkdtemp(prefix="place-", dir="/var/tmp"))  # pytest's are closed to others
    archive = (
        folder("new", mode=b"0000555\0") + folder("new/in", mode=b"0000500\0") + file("new/in/x")
        + folder("old", mode=b"0000555\0") + file("old/y")
    )  # fmt: skip
    (place / "old").mkdir()
    try:
        for path in (place, place / "old"):
            os.chown(path, _OTHER, _OTHER)
        os.seteuid(_OTHER)
        unpacked = unpack(pieces(archive + END), place, Bounds(9, 9))
        modes = {name: (place / name).stat().st_mode & 0o7777 for name in ("new", "new/in", "old")}
        found = tree(place)
    finally:
        os.seteuid(0)
        shutil.rmtree(place)

    assert (unpacked.files, unpacked.size) == (2, 2)
    assert found == {"new", "new/in", "new/in/x", "old", "old/y"}
    assert modes == {"new": 0o555, "new/in": 0o500, "old": 0o555}


def test_what_a_killed_restore_left_is_known_by_its_name(tmp_path: Path) -> None:
    """Not what only begins like it, such as a file that an archive brought."""
    for name in (f"{placement.PREFIX}abcd_123", f"{placement.PREFIX}x\n$(id)", "a"):
        (tmp_path / name).mkdir()

    assert placement.leftovers(tmp_path) == [f"{placement.PREFIX}abcd_123"]
