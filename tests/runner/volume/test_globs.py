"""Globs on a volume match what pathlib's would, but follow no link that leads elsewhere."""

from pathlib import Path

import pytest

from runner.volume import globs

FILES = (
    "app.db", "app.db-wal", ".hidden.db", "UPPER.DB", "config/app.db", "config/deep/er/app.db",
    "config/deep/app.sqlite3", "[odd].db", "x/y/z.db", "x/y.db/inner.db",
)  # fmt: skip
GLOBS = (
    "*.db", "**/*.db", "**/*", "config/*.db", "config/**/*.db", "config/**/*", "*/*.db", "?pp.db",
    "[a-b]*.db", "[[]odd].db", "**/deep/**/*.db", "**/**/*.db", "x/*/*.db", "./app.db", "app.db",
    "missing/*.db", "x//y/*.db",
)  # fmt: skip


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with files in folders."""
    made = tmp_path / "data"
    for name in FILES:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).touch()
    return made


def found(source: Path, glob: str, anchor: str | None = None) -> list[str]:
    """Return what a glob matches, below the source."""
    files = globs.find(str(source), str(source) if anchor is None else anchor, glob)
    return sorted(file.path.removeprefix(f"{source}/") for file in files)


@pytest.mark.parametrize("glob", GLOBS)
def test_globs_match_as_pathlibs_do(volume: Path, glob: str) -> None:
    files = [path for path in volume.glob(glob) if path.is_file()]
    assert found(volume, glob) == sorted({str(path.relative_to(volume)) for path in files})
    assert found(volume, glob, "") == found(volume, glob)


def test_two_stars_at_the_end_are_all_files(volume: Path) -> None:
    """As since Python 3.13."""
    assert found(volume, "config/**") == found(volume, "config/**/*")


def test_links_are_followed_in_the_fixed_part_and_inside_alone(
    volume: Path, tmp_path: Path
) -> None:
    """What a glob finds is named by where it is, as restic does."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "app.db").touch()
    (volume / "current").symlink_to("config/deep")
    (volume / "away").symlink_to(outside)
    (volume / "app-link.db").symlink_to(outside / "app.db")

    assert found(volume, "current/**/*.db") == ["config/deep/er/app.db"]
    for glob in ("away/*.db", "away/app.db", "*/app.db", "**/*.db", "app-link.db", "app-*.db"):
        assert not [name for name in found(volume, glob) if "away" in name or "link" in name]


def test_a_source_that_is_a_link_keeps_its_name_and_stays_in_its_volume(
    volume: Path, tmp_path: Path
) -> None:
    (volume / "current").symlink_to("config")
    (volume / "away").symlink_to(tmp_path)

    inside = list(globs.find(str(volume / "current"), str(volume), "*.db"))

    assert [file.path for file in inside] == [f"{volume}/current/app.db"]
    assert [file.parts for file in inside] == [("config",)]
    assert list(globs.find(str(volume / "away"), str(volume), "**/*.db")) == []


def test_deeply_nested_folders_are_bounded(tmp_path: Path) -> None:
    """Deeper than a path can be, or Python can call itself."""
    here = tmp_path
    for _ in range(12):
        here = here / ("d" * 200)
    here.mkdir(parents=True)
    (tmp_path / "app.db").touch()

    assert found(tmp_path, "**/*.db") == ["app.db"]
