"""Open folders: whatever an app puts in the place of a name, nothing outside is reached."""

import errno
import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from runner.volume import beneath, moving
from runner.volume.beneath import Folder
from tests import needs
from tests.integration.restore.hostile_tree import (
    ANYWHERE,
    NO_FOLDERS,
    ODD_NAMES,
    canary,
    mounted,
    outside,
    swapping,
)

_ROUNDS = 1000


@pytest.fixture(params=[True, False], ids=["openat2", "step by step"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the kernel's own call, and as on kernels and in profiles without it."""
    if not request.param:
        monkeypatch.setattr(beneath, "_has_openat2", lambda: False)


def test_plain_paths_are_reached_at_any_depth(tmp_path: Path) -> None:
    deep = "/".join(["a folder"] * 600)  # longer than a path may be for the kernel
    with Folder.at(tmp_path) as root:
        folder = root
        for name in deep.split("/"):
            os.mkdir(name, dir_fd=folder.descriptor)
            folder = folder.folder(name)
        os.close(folder.file("file", os.O_WRONLY | os.O_CREAT))

        assert root.folder(deep).names() == ["file"]
        assert root.stat(f"{deep}/file").st_size == 0
        assert root.find(f"{deep}/other") is None
        moving.remove(root, "a folder")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inside", ["..", "a/../..", "a/../../outside/file", "../outside"])
def test_no_path_leads_above(tmp_path: Path, inside: str) -> None:
    (tmp_path / "v" / "a").mkdir(parents=True)
    outside(tmp_path / "outside")
    with Folder.at(tmp_path / "v") as root:
        for call in (root.folder, root.stat, root.file, root.find):
            with pytest.raises(OSError, match="leads out of its folder"):
                call(inside)


_CALLS: dict[str, Callable[[Folder, str], object]] = {
    "folder": lambda root, name: root.folder(f"{name}/inner"),
    "folder itself": lambda root, name: root.folder(name).names(),
    "stat": lambda root, name: root.stat(f"{name}/inner/file"),
    "read": lambda root, name: root.read(f"{name}/file", 99),
    "read itself": lambda root, name: root.read(name, 99),
    "write": lambda root, name: root.file(f"{name}/file", os.O_WRONLY | os.O_TRUNC),
    "write itself": lambda root, name: root.file(name, os.O_WRONLY | os.O_TRUNC | os.O_CREAT),
    "make": lambda root, name: root.file(f"{name}/new", os.O_WRONLY | os.O_CREAT),
}


@pytest.mark.parametrize("call", _CALLS)
def test_no_planted_path_leads_out(tmp_path: Path, call: str) -> None:
    """Each planting by each call: an error at once, never a wait, and nothing outside changes."""
    (tmp_path / "v").mkdir()
    other = outside(tmp_path / "outside")
    before, wrong = canary(other), []
    with Folder.at(tmp_path / "v") as root:
        for name in NO_FOLDERS:
            if name in {"hard link", "empty file"} and "itself" in call:
                continue  # it is a file of the volume, whatever else it is called
            ANYWHERE[name](tmp_path / "v" / name, other)
            with suppress(OSError):
                _CALLS[call](root, name)
                wrong.append(name)
    assert wrong == []
    assert canary(other) == before


def test_a_removal_stays_inside(tmp_path: Path) -> None:
    (tmp_path / "v" / "gone").mkdir(parents=True)
    other = outside(tmp_path / "outside")
    before = canary(other)
    for name, plant in ANYWHERE.items():
        plant(tmp_path / "v" / "gone" / name, other)
        plant(tmp_path / "v" / name, other)
    for name in ODD_NAMES:
        (tmp_path / "v" / "gone" / name).symlink_to(other)
    (tmp_path / "v" / "gone").chmod(0)

    with Folder.at(tmp_path / "v") as root:
        for name in ("gone", *ANYWHERE):
            moving.remove(root, name)
        assert root.names() == []
    assert canary(other) == before


@needs.root.mark
@pytest.mark.parametrize("_way", [True], ids=["openat2"], indirect=True)
def test_a_mount_inside_is_not_entered(tmp_path: Path) -> None:
    """Step by step, a device's number does not tell a folder of the same file system."""
    (tmp_path / "v" / "a" / "mount").mkdir(parents=True)
    other = outside(tmp_path / "outside")
    before = canary(other)
    with mounted(other, tmp_path / "v" / "a" / "mount"), Folder.at(tmp_path / "v") as root:
        with pytest.raises(OSError, match="another mount") as raised:
            root.folder("a/mount/inner", crosses=False)
        assert raised.value.errno == errno.EXDEV
        assert beneath.is_mount(root.folder("a"), "mount")
        assert not beneath.is_mount(root, "a")
        moving.remove(root, "a")
        assert canary(other) == before


def _remove_and_make(folder: Folder) -> None:
    moving.remove(folder, "inner")
    os.mkdir("inner", dir_fd=folder.descriptor)
    os.close(folder.file("inner/file", os.O_WRONLY | os.O_CREAT))


_RACES: dict[str, Callable[[Folder, int], object]] = {
    "make": lambda root, _: os.close(root.file("dir/new", os.O_WRONLY | os.O_CREAT)),
    "write": lambda root, _: os.close(root.file("dir/file", os.O_WRONLY | os.O_TRUNC)),
    "read": lambda root, _: root.read("dir/file", 9),
    "modes": lambda root, _: moving.chmod(root.passage("dir/inner"), 0o770),
    "remove": lambda root, _: _remove_and_make(root.folder("dir")),
    "remove from above": lambda root, _: moving.remove(root, "dir/inner"),
    "remove a file": lambda root, _: moving.remove(root, "dir/file"),
    "dress": lambda root, _: moving.dress(root.folder("dir"), root),
}


def _rounds(has_met: Callable[[], bool]) -> Iterator[int]:
    """Yield numbers: a thousand, and then until both sides have had a turn."""
    ends = time.monotonic() + 60
    for number in itertools.count():
        if number >= _ROUNDS and has_met():
            return
        assert time.monotonic() < ends, "one side never had a turn"
        yield number


@pytest.mark.parametrize("race", _RACES)
def test_a_folder_constantly_exchanged_for_a_link_leads_nowhere(tmp_path: Path, race: str) -> None:
    """A thousand rounds, in which the name is now the one and now the other."""
    volume = tmp_path / "v"
    (volume / "dir" / "inner").mkdir(parents=True)
    (volume / "dir" / "file").write_text("ours\n")
    other = outside(tmp_path / "outside")
    (volume / "link").symlink_to(other)
    before = canary(other)
    done: list[int] = []
    with Folder.at(volume) as root, swapping(volume / "dir", volume / "link") as count:
        for number in _rounds(lambda: bool(done) and count() > 0):
            with suppress(OSError):
                _RACES[race](root, number)
                done.append(number)
    assert canary(other) == before


def test_a_move_into_an_exchanged_folder_stays_inside(tmp_path: Path) -> None:
    volume = tmp_path / "v"
    for name in ("dir", "source"):
        (volume / name).mkdir(parents=True)
    other = outside(tmp_path / "outside")
    (volume / "link").symlink_to(other)
    before = canary(other)
    done: list[int] = []
    with Folder.at(volume) as root, swapping(volume / "dir", volume / "link"):
        source = root.folder("source")
        for number in _rounds(lambda: bool(done)):
            os.close(source.file(f"{number}", os.O_WRONLY | os.O_CREAT))
            with suppress(OSError):
                moving.rename(source, root.folder("dir"), f"{number}")
                done.append(number)
    assert canary(other) == before
    moved = volume / ("dir" if (volume / "link").is_symlink() else "link")
    assert len(list(moved.iterdir())) == len(done)
