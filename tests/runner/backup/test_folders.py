"""The folders to back up: which they are, what is in them, and where their links lead."""

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runner.backup import folders
from runner.config.model import Config
from runner.steps.evaluate import Source
from tests.runner.config.workload import configured


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """Two volumes with files in them."""
    for name in ("pages", "uploads"):
        (tmp_path / "backup" / name / "sub").mkdir(parents=True)
        (tmp_path / "backup" / name / "sub" / "file").touch()
    return tmp_path / "backup"


def config(
    volumes: Path,
    sources: tuple[str, ...] | None = None,
    legacy_sources: tuple[str, ...] | None = None,
) -> Config:
    """Return a configuration for these volumes."""
    made = configured({"BACKUP_VOLUMES_DIR": str(volumes)})
    paths = replace(made.paths, sources=sources, legacy_sources=legacy_sources)
    return replace(made, paths=paths)


def test_all_mounted_volumes_are_the_sources(volumes: Path) -> None:
    """In a stable order."""
    found = folders.find(config(volumes))

    assert found.sources == {f"{volumes}/pages": Source.FULL, f"{volumes}/uploads": Source.FULL}
    assert found.warnings == []


def test_named_volumes_and_folders_are_the_sources(volumes: Path) -> None:
    """And RESTIC_SOURCE does not count beside them."""
    found = folders.find(config(volumes, sources=("pages/sub",), legacy_sources=("/etc",)))

    assert found.sources == {f"{volumes}/pages/sub": Source.FULL}
    assert found.warnings == []


@pytest.mark.parametrize("end", ["", "/", "/sub"])
def test_restic_source_warns_of_volumes_that_it_leaves_out(volumes: Path, end: str) -> None:
    """A volume of which it names a folder is not left out."""
    source = f"{volumes}/pages{end}"

    found = folders.find(config(volumes, legacy_sources=(source,)))

    assert list(found.sources) == [source]
    assert found.warnings == [f"RESTIC_SOURCE leaves out {volumes}/uploads"]


@pytest.mark.parametrize("end", ["", "/"])
def test_restic_source_of_all_volumes_leaves_none_out(volumes: Path, end: str) -> None:
    """Their parent holds them."""
    assert folders.find(config(volumes, legacy_sources=(f"{volumes}{end}",))).warnings == []


def test_a_volume_whose_name_is_a_prefix_is_another_volume(volumes: Path) -> None:
    """Pages is not pages-old."""
    (volumes / "pages-old").mkdir()

    found = folders.find(config(volumes, legacy_sources=(f"{volumes}/pages",)))

    assert found.warnings == [f"RESTIC_SOURCE leaves out {volumes}/pages-old, {volumes}/uploads"]


def test_lost_and_found_alone_is_empty(volumes: Path) -> None:
    """A fresh ext4 volume holds nothing of anybody's."""
    (volumes / "fresh" / "lost+found").mkdir(parents=True)

    assert folders.find(config(volumes, sources=("fresh",))).sources == {
        f"{volumes}/fresh": Source.EMPTY
    }

    (volumes / "fresh" / ".hidden").touch()
    assert folders.find(config(volumes, sources=("fresh",))).sources == {
        f"{volumes}/fresh": Source.FULL
    }


def test_each_source_has_its_state(volumes: Path) -> None:
    """A file is full; a link is what it points to; a loop is refused."""
    (volumes / "empty").mkdir()
    (volumes / "file").touch()
    (volumes / "loop").symlink_to("loop")
    (volumes / "link").symlink_to("pages")
    named = ("empty", "file", "loop", "link", "gone", "pages/gone")

    found = folders.find(config(volumes, sources=named))

    assert list(found.sources.values()) == [
        Source.EMPTY, Source.FULL, Source.REFUSED, Source.REFUSED, Source.MISSING, Source.MISSING,
    ]  # fmt: skip


def test_without_a_volume_there_is_no_source(tmp_path: Path) -> None:
    """The run says so."""
    assert folders.find(config(tmp_path / "missing")) == folders.Found()


LINKS = {  # of pages/link: what it points to, where that is and what is in it; "" is refused
    "sub": "sub",
    "./sub/": "sub",
    "sub/../sub": "sub",
    "second": "sub",  # a chain
    "releases/current": "releases/5",
    "releases/../releases/5/../5": "releases/5",
    "{volume}/sub": "sub",
    "{volume}/releases/current": "releases/5",
    "..": "",
    "../pages/sub": "",
    "../uploads": "",
    "../uploads/sub": "",
    "{volumes}/uploads": "",
    "{volume}/../uploads": "",
    "{volume}-old": "",
    "sub/../../uploads/sub": "",
    "out/sub": "",  # where a folder in between leads out
    "/": "",
    "/etc": "",
    "/proc/self/root/etc": "",
    "link": "",
    "ring": "",
    "gone": "",
    "releases/9": "",
    "sub/file": "",
    "sub/file/..": "",
}


@pytest.fixture
def linked(volumes: Path) -> Path:
    """A volume with releases, and links that others may point to."""
    volume = volumes / "pages"
    for release in ("5", "6"):
        (volume / "releases" / release / "app").mkdir(parents=True)
        (volume / "releases" / release / "app" / "code").touch()
        (volume / "releases" / release / "lost+found").mkdir()
    (volume / "releases" / "current").symlink_to("5")
    (volume / "second").symlink_to("sub")
    (volume / "ring").symlink_to("gnir")
    (volume / "gnir").symlink_to("ring")
    (volume / "out").symlink_to("../uploads")
    (volumes / "pages-old").mkdir()
    (volume / "-old").mkdir()  # what is left of its name without the volume's
    return volume


@pytest.mark.parametrize("restic_source", [True, False])
@pytest.mark.parametrize("target", LINKS)
def test_a_source_that_is_a_link_is_followed_inside_its_volume(
    linked: Path, target: str, restic_source: bool
) -> None:
    """What restic gets keeps the path of the source: it does not change with the release."""
    link, to = linked / "link", target.format(volume=linked, volumes=linked.parent)
    link.symlink_to(to)
    given = (
        config(linked.parent, legacy_sources=(str(link),))
        if restic_source
        else config(linked.parent, sources=("pages/link",))
    )

    found = folders.find(given)

    real = LINKS[target]
    if real:
        assert found.sources == {str(link): Source.FULL}
        assert found.real == {str(link): str(linked / real)}
        assert found.inside == {str(link): (f"{link}/{'file' if real == 'sub' else 'app'}",)}
        assert (found.refused, found.readable) == ({}, [str(link)])
    else:
        assert found.sources[str(link)] == Source.REFUSED
        assert str(link) in found.refused
        assert str(link) not in found.readable
        assert not found.inside


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("second/file", Source.FULL),
        ("releases/current/app", Source.FULL),
        ("out", Source.REFUSED),
        ("out/sub", Source.REFUSED),
        ("out/sub/file", Source.REFUSED),
        ("../uploads", Source.REFUSED),
        ("second/gone", Source.REFUSED),
        ("releases/gone", Source.MISSING),
    ],
)
def test_links_in_the_middle_of_a_path_stay_in_the_volume_too(
    linked: Path, source: str, state: Source
) -> None:
    """What restic opens follows them, so that a folder's own path is enough."""
    found = folders.find(config(linked.parent, sources=(f"pages/{source}",)))

    assert list(found.sources.values()) == [state]
    assert not found.inside


def test_a_volume_that_is_a_link_is_ignored(linked: Path) -> None:
    (linked.parent / "alias").symlink_to("pages")

    found = folders.find(config(linked.parent))

    assert found.sources[f"{linked.parent}/alias"] == Source.REFUSED
    assert found.sources[str(linked)] == Source.FULL


def test_a_link_outside_of_all_volumes_is_followed_anywhere(linked: Path, tmp_path: Path) -> None:
    """RESTIC_SOURCE is the word of who writes the Secret, not of an app."""
    (tmp_path / "elsewhere").symlink_to(linked / "sub")

    found = folders.find(config(linked.parent, legacy_sources=(str(tmp_path / "elsewhere"),)))

    assert found.inside == {f"{tmp_path}/elsewhere": (f"{tmp_path}/elsewhere/file",)}


def test_a_link_to_too_many_entries_is_refused(
    linked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a path of every snapshot."""
    monkeypatch.setattr(folders, "_MOST_INSIDE", 1)
    (linked / "link").symlink_to("releases")

    found = folders.find(config(linked.parent, sources=("pages/link",)))

    assert "name the folder itself" in found.refused[f"{linked}/link"]


def _folders(path: Path) -> None:
    (path / "a" / "b").mkdir(parents=True)


def _socket(path: Path) -> None:
    path.mkdir()
    here = os.open(path, os.O_PATH)  # the names of sockets are short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{here}/socket")
    os.close(here)


def _pipes(path: Path) -> None:
    path.mkdir()
    os.mkfifo(path / "pipe")


def _links(path: Path) -> None:
    path.mkdir()
    (path / "link").symlink_to("../pages/sub/file")


def _left_out(path: Path) -> None:
    for name in ("lost+found", ".backup-restore"):
        (path / "deep" / name).mkdir(parents=True)
        (path / "deep" / name / "file").touch()


@pytest.mark.parametrize("make", [_folders, _socket, _pipes, _links, _left_out])
def test_a_folder_without_a_file_is_empty(volumes: Path, make: Callable[[Path], None]) -> None:
    """Restic makes a snapshot of it all the same, and nothing in it is worth a restore."""
    make(volumes / "odd")

    found = folders.find(config(volumes, sources=("odd",)))

    assert found.sources == {f"{volumes}/odd": Source.EMPTY}


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_source_that_is_neither_file_nor_folder_is_refused(volumes: Path, kind: str) -> None:
    (_pipes if kind == "pipe" else _socket)(volumes / "odd")

    found = folders.find(config(volumes, sources=(f"odd/{kind}",)))

    assert "neither" in found.refused[f"{volumes}/odd/{kind}"]
