"""Deletions in a volume in which others write meanwhile, and in file systems that say little."""

from pathlib import Path

import pytest

from contract.snapshots import Snapshot
from runner.restore.files.place import Place
from runner.restore.files.removal import Removal
from runner.restore.files.sparing import Sparing
from runner.restore.files.survey import Survey
from runner.restore.tally import Tally
from runner.state.model import new
from runner.volume import birth
from runner.volume.beneath import Folder
from tests.runner.config.workload import configured


def removal(volume: Path) -> Removal:
    """Return a deletion in the folder that holds a volume."""
    place = Place(str(volume.parent), str(volume.parent))
    survey = Survey(place, deletes=True)
    sparing = Sparing(configured(), new(0, ""), Snapshot(began="2001-01-01T00:00:00Z"), survey)
    return Removal(place, sparing, Tally(), dry_run=False)


@pytest.mark.parametrize("folder", ["data/folder", "data/folder/inner"])
def test_a_folder_replaced_by_a_link_is_not_followed(tmp_path: Path, folder: str) -> None:
    other = tmp_path / "other"
    (other / "inner").mkdir(parents=True)
    for name in ("theirs", "inner/theirs"):
        (other / name).write_text("1\n")
    (tmp_path / "volumes" / "data").mkdir(parents=True)
    (tmp_path / "volumes" / "data" / "folder").symlink_to(other)
    work = removal(tmp_path / "volumes" / "data")

    work.clear(f"{tmp_path}/volumes/{folder}", ["theirs"])

    assert list(work.failed) == [f"{tmp_path}/volumes/{folder}"]
    assert (other / "theirs").exists()
    assert (other / "inner" / "theirs").exists()


def test_a_file_deleted_meanwhile_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    work = removal(tmp_path / "data")

    work.clear(f"{tmp_path}/data", ["gone"])

    assert (work.failed, work.tally.counts) == ({}, {})


def test_without_a_birth_time_an_old_mtime_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some NFS servers do not say; what is in no backup rather stays."""
    file = tmp_path / "file"
    file.write_text("1\n")
    changed = file.stat().st_mtime_ns // 1000
    with Folder.at(tmp_path) as folder:
        here = folder.descriptor
        assert 0 < birth.born(here, "file") <= changed
        monkeypatch.setattr(birth, "born", lambda _descriptor, _name: 0)

        assert birth.existed(here, "file", file.stat(), changed + 1)
        assert not birth.existed(here, "file", file.stat(), changed - 1)
