"""Folders whose names begin the same are others, and a missing source costs no backup."""

from pathlib import Path

import pytest

from contract import names
from runner.backup import folders
from runner.steps.evaluate import Source
from tests.runner.config.workload import configured


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/backup/data", "/backup/data"), ("/backup/data/", "/backup/data"),
        ("/backup/data/a/b", "/backup/data"), ("/backup/data2/a", "/backup/data2"),
        ("/backup", ""), ("/backup2/data", ""), ("/backups", ""), ("/data", ""),
    ],
)  # fmt: skip
def test_links_may_not_lead_out_of_their_volume(path: str, root: str) -> None:
    assert folders.root(configured(), path) == root


@pytest.mark.parametrize("key", ["RESTIC_SOURCE"])
def test_without_an_existing_source_the_volumes_are_backed_up(tmp_path: Path, key: str) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "file").touch()
    config = configured({names.ENV_VOLUMES_DIR: str(tmp_path)}, {key: "/nowhere"})

    found = folders.find(config)

    pages = str(tmp_path / "pages")
    assert found.sources == {"/nowhere": Source.MISSING, pages: Source.FULL}
    assert found.warnings == [f"{key} /nowhere does not exist; all volumes are backed up"]


def test_a_left_out_volume_of_a_similar_name_is_named(tmp_path: Path) -> None:
    for name in ("data", "data2"):
        (tmp_path / name).mkdir()
    source = str(tmp_path / "data")
    config = configured({names.ENV_VOLUMES_DIR: str(tmp_path)}, {"RESTIC_SOURCE": source})

    assert folders.find(config).warnings == [f"RESTIC_SOURCE leaves out {tmp_path / 'data2'}"]
