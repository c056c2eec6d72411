"""What is left of one restore is taken up by another only if it is of the same."""

from pathlib import Path

import pytest

from contract import names
from runner.restore.staging import Staging
from runner.volume.seal import Seal

SEAL = Seal(b"a password")


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Return an empty volume."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def begun(volume: Path, snapshot: str) -> Staging:
    """Return a restore that has begun, or goes on."""
    work = Staging(volume, seal=SEAL)
    work.make()
    work.begin(snapshot)
    return work


def test_files_of_another_snapshot_are_removed(volume: Path) -> None:
    before = begun(volume, "monday")
    (Path(before.files) / "file").write_text("of monday\n")

    work = begun(volume, "tuesday")

    assert list(Path(work.files).iterdir()) == []


def test_files_of_the_same_snapshot_stay(volume: Path) -> None:
    before = begun(volume, "monday")
    (Path(before.files) / "file").write_text("of monday\n")

    work = begun(volume, "monday")

    assert [each.name for each in Path(work.files).iterdir()] == ["file"]


def test_a_folder_without_a_note_is_incomplete(volume: Path) -> None:
    work = begun(volume, "monday")
    (volume / names.STAGING / "whole").mkdir()

    assert work.is_doubtful
    assert not work.is_gathered


def test_a_folder_regains_its_mode(volume: Path) -> None:
    work = begun(volume, "monday")
    root = Path(work.files) / "data"
    (root / "closed").mkdir(parents=True)
    (root / "closed" / "file").write_text("ours\n")
    (root / "closed").chmod(0o555)
    root.chmod(0o550)
    work.gathered()

    assert work.put_in_place() == []

    assert (volume / "closed" / "file").read_text() == "ours\n"
    assert [each.stat().st_mode & 0o7777 for each in (volume, volume / "closed")] == [0o550, 0o555]
