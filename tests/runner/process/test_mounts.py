"""Which folders of a volume are mounted here."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from runner.process import mounts

TABLE = "\n".join(
    f"1 0 8:1 / {path} ro - ext4 /dev/x rw"
    for path in ("/", "/backup/data2", "/backup/data/photos", r"/backup/data/my\040files")
)


@pytest.fixture
def _read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_text(_: Path, *_args: object) -> str:
        return TABLE

    def statvfs(_: str) -> SimpleNamespace:
        return SimpleNamespace(f_flag=os.ST_RDONLY)

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(os, "statvfs", statvfs)


@pytest.mark.usefixtures("_read_only")
@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/backup/data", ["/backup/data/my files", "/backup/data/photos"]),  # not data2
        ("/backup/data2", ["/backup/data2"]),
        ("/backup/dat", ["/backup/dat"]),
    ],
)
def test_read_only_mounts_of_a_volume_are_found(path: str, found: list[str]) -> None:
    assert mounts.parts(path) == found
