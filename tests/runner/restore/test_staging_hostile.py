"""A restore on a volume whose app left anything in its place: nothing outside is touched."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from contract import names
from runner.restore.lease import Waiter
from runner.restore.staging import Staging, needs_work
from runner.volume.seal import Seal
from tests import needs
from tests.integration.restore.hostile_tree import (
    ANYWHERE,
    NO_FOLDERS,
    ODD_NAMES,
    as_user,
    canary,
    mounted,
    outside,
    swapping,
)
from tests.runner.restore.test_lease import never

_SEAL = Seal(b"the repository's password")
_USERS = [0, 1000] if os.geteuid() == 0 else [os.geteuid()]
_APP = 1000 if os.geteuid() == 0 else os.geteuid()


def restore(volume: Path, seal: Seal = _SEAL) -> None:
    """Restore two files into a volume, as a pod does with all but restic."""
    work = Staging(volume, volume, seal)
    work.make()
    claim = Waiter("wiki-0", 0).take(work.folder, never)
    assert claim is not None, "the claim is another's"
    if not work.is_gathered:
        work.begin("a snapshot")
        files = Path(work.files, volume.name)
        shutil.rmtree(files, ignore_errors=True)
        (files / "dir").mkdir(parents=True)
        (files / "dir" / "file").write_text("ours\n")
        (files / "file").write_text("ours\n")
        work.gathered()
    work.put_in_place()
    claim.end()
    work.remove()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users reach, as pytest's are not, with a tree outside of the volume."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        outside(Path(folder, "outside"))
        yield Path(folder)


def volume_of(place: Path, name: str, user: int) -> Path:
    """Make an empty volume of the app's."""
    volume = place / f"{name} of {user}"
    volume.mkdir()
    os.chown(volume, user, user)
    volume.chmod(0o777 if user != _APP else 0o755)
    return volume


def _foreign_folder(mode: int, user: int) -> Callable[[Path, Path], object]:
    def plant(path: Path, _target: Path) -> None:
        path.mkdir()
        path.chmod(mode)
        os.chown(path, user, user)

    return plant


@pytest.mark.parametrize("user", _USERS)
def test_only_our_own_folder_counts_and_nothing_else_is_removed(place: Path, user: int) -> None:
    """Each other thing by that name is an error that says what to do."""
    plants = {name: ANYWHERE[name] for name in NO_FOLDERS}
    plants |= {
        f"mode {mode:o}": _foreign_folder(mode, user) for mode in (0o755, 0o711, 0o777, 0o770)
    }
    if os.geteuid() == 0:
        plants["another user's"] = _foreign_folder(0o700, 4321)
        plants["the other one's"] = _foreign_folder(0o700, 1000 - user)
    before, wrong = canary(place / "outside"), []
    for name, plant in plants.items():
        volume = volume_of(place, name, user)
        planted = volume / names.STAGING
        plant(planted, place / "outside")
        found = planted.lstat()

        def attempt(volume: Path = volume) -> None:
            assert needs_work(volume, volume)
            with pytest.raises(OSError, match="nothing was changed") as raised:
                restore(volume)
            assert str(raised.value.filename) == f"{volume}/{names.STAGING}"

        try:
            as_user(user, attempt)
        except AssertionError as error:
            wrong.append(f"{name}: {error}")
        if planted.lstat() != found or os.listdir(volume) != [names.STAGING]:  # noqa: PTH208
            wrong.append(f"{name} was changed")
    assert wrong == []
    assert canary(place / "outside") == before
    assert len(plants) > 18


@needs.root.mark
def test_a_folder_that_is_mounted_there_is_not_ours(place: Path) -> None:
    """Also where it is of the same file system, and of our user and mode."""
    volume = volume_of(place, "mounted", 0)
    (volume / names.STAGING).mkdir(mode=0o700)
    other = place / "outside"
    other.chmod(0o700)
    before = canary(other)
    with mounted(other, volume / names.STAGING):
        with pytest.raises(OSError, match="another mount"):
            restore(volume)
        assert canary(other) == before


def _planted(name: str, text: str) -> Callable[[Path, Path], object]:
    return lambda stage, _target: (stage / name).write_text(text)


def _noted(fact: object, stage: Path, seal: Seal, name: str) -> str:
    inode = stage.stat().st_ino
    return json.dumps({"fact": fact, "seal": seal.of(name, inode, str(fact))})


def _mode(path: str, mode: int, seal: object) -> str:
    return json.dumps([path, mode, seal]) + "\n"


def _whole(stage: Path, target: Path) -> None:
    """Leave a restore that looks whole, with modes for what is outside."""
    folder = stage / "whole" / "data"
    folder.mkdir(parents=True)
    (folder / "planted").write_text("planted\n")
    (folder / "link").symlink_to(target)
    (folder / "dir").symlink_to(target / "inner")
    lines = [_mode(str(target / "file"), 0o4777, ""), _mode(f"../{target.name}/tool", 0o4777, "")]
    (stage / "modes").write_text("".join(lines))


def _whole_with_a_note(stage: Path, target: Path) -> None:
    _whole(stage, target)
    inode = (stage / "whole").stat().st_ino
    (stage / "gathered").write_text(_noted(inode, stage, Seal(b"another"), "gathered"))


def _done(stage: Path, target: Path) -> None:
    _whole(stage, target)
    (stage / "whole").rename(stage / "done")


def _files(stage: Path, target: Path) -> None:
    (stage / "files").symlink_to(target)
    (stage / "snapshot").write_text("a snapshot")


def _files_inside(stage: Path, target: Path) -> None:
    (stage / "files").mkdir()
    (stage / "files" / "data").symlink_to(target)
    (stage / "snapshot").write_text(_noted("a snapshot", stage, Seal(b"another"), "snapshot"))


def _all_links(stage: Path, target: Path) -> None:
    for name in ("files", "whole", "done", "snapshot", "gathered", "modes", "snapshot.part",
                 "gathered.part", "claim.1", "claim.2.part"):  # fmt: skip
        (stage / name).symlink_to(target / "file" if "." in name else target)


def _all_hard_links(stage: Path, target: Path) -> None:
    for name in ("files", "whole", "snapshot", "gathered", "modes", "snapshot.part", "claim.3"):
        (stage / name).hardlink_to(target / "file")


def _claims(stage: Path, target: Path) -> None:
    (stage / "claim.9").symlink_to(target / "file")
    (stage / "claim.10").mkdir()
    (stage / "claim.10" / "link").symlink_to(target)
    (stage / "claim.x").write_text("{}")
    (stage / "claim.").write_text("{}")
    (stage / "claim.-1").write_text("{}")
    (stage / f"claim.{'9' * 200}").write_text("{}")
    os.mkfifo(stage / "claim.11")


def _put(name: str, where: str) -> Callable[[Path, Path], object]:
    return lambda stage, target: ANYWHERE[name](stage / where, target)


_DEEP = "[" * 100_000
_INSIDE: dict[str, Callable[[Path, Path], object]] = {
    "whole": _whole, "whole with a note": _whole_with_a_note, "done": _done, "files": _files,
    "files inside": _files_inside, "all links": _all_links, "all hard links": _all_hard_links,
    "claims": _claims,
    **{f"deep {name}": _planted(name, _DEEP)
       for name in ("snapshot", "gathered", "modes", "claim.7")},
    **{f"no text in {name}": _planted(name, "\0" * 5000)
       for name in ("snapshot", "gathered", "modes", "claim.7")},
    "half a letter": _planted("snapshot", json.dumps({"fact": "\ud800", "seal": "\ud800"})),
    "modes of half a letter": _planted("modes", json.dumps(["\ud800", 0o4777, "\ud800"])),
    **{f"a number in {name}": _planted(name, "7") for name in ("snapshot", "gathered", "modes")},
    **{f"{name} in {where}": _put(name, where) for name in ANYWHERE
       for where in ("files", "whole", "modes", "snapshot")},
}  # fmt: skip


@pytest.mark.parametrize("user", _USERS)
def test_files_in_our_folder_are_trusted_only_with_a_seal(place: Path, user: int) -> None:
    """As an app leaves it that runs as our user: the work begins again, and is done."""
    before, wrong = canary(place / "outside"), []
    for name, plant in _INSIDE.items():
        (place / name).mkdir()
        volume = place / name / "data"
        stage = volume / names.STAGING
        stage.mkdir(mode=0o700, parents=True)
        plant(stage, place / "outside")
        for path in (volume, stage, *stage.rglob("*")):
            if not (path.is_file() and path.lstat().st_nlink > 1):
                os.chown(path, user, user, follow_symlinks=False)

        def attempt(volume: Path = volume) -> None:
            restore(volume)
            assert (volume / "file").read_text() == "ours\n"
            assert (volume / "dir" / "file").read_text() == "ours\n"
            assert sorted(os.listdir(volume)) == ["dir", "file"]  # noqa: PTH208 -- names

        try:
            as_user(user, attempt)
        except AssertionError as error:
            wrong.append(f"{name}: {error}")
        if canary(place / "outside") != before:
            wrong.append(f"{name} led out")
            break
    assert wrong == []
    assert len(_INSIDE) > 80


def _begun(place: Path) -> tuple[Path, Staging, Path]:
    """Return a volume, its restore, which has begun, and where files of the volume go meanwhile."""
    volume = place / "data"
    volume.mkdir()
    work = Staging(volume, volume, _SEAL)
    work.make()
    work.begin("a snapshot")
    return volume, work, Path(work.files, "data")


def test_modes_are_of_folders_inside_and_sealed(place: Path) -> None:
    """Neither a path that leads out, nor a link, nor a file, nor a line of somebody else's."""
    volume, work, files = _begun(place)
    for name in ("folder", "theirs"):
        (files / name).mkdir(parents=True)
        (files / name).chmod(0o755)
    (files / "tool").write_text("")
    (files / "tool").chmod(0o700)
    (files / "link").symlink_to(place / "outside")
    inode = (volume / names.STAGING).stat().st_ino
    paths = ("../outside/file", str(place / "outside" / "file"), "link", "link/file", "tool",
             "folder/../../outside/tool")  # fmt: skip
    lines = [_mode(path, 0o4777, _SEAL.of("modes", inode, path, 0o4777)) for path in paths]
    others: tuple[object, ...] = (
        Seal(b"another").of("modes", inode, "theirs", 0o777),
        "",
        None,
        [],
        "é",
    )
    lines += [_mode("theirs", 0o777, seal) for seal in others]
    lines.append(_mode("theirs", 0o777, _SEAL.of("modes", inode + 1, "theirs", 0o777)))
    lines.append(_mode("folder", 0o2750, _SEAL.of("modes", inode, "folder", 0o2750)))
    (volume / names.STAGING / "modes").write_text("".join(lines) + "no line\n")
    before = canary(place / "outside")

    work.gathered()
    work.put_in_place()
    work.remove()

    assert canary(place / "outside") == before
    modes = {name: (volume / name).stat().st_mode & 0o7777 for name in ("folder", "theirs", "tool")}
    assert modes == {"folder": 0o2750, "theirs": 0o755, "tool": 0o700}


def test_a_restore_resumes_only_with_the_same_password(place: Path) -> None:
    for seal, goes_on in ((_SEAL, True), (Seal(b"another"), False), (Seal(), False)):
        volume = place / f"{goes_on} {id(seal)}" / "data"
        volume.mkdir(parents=True)
        work = Staging(volume, volume, _SEAL)
        work.make()
        work.begin("a snapshot")
        Path(work.files, "data").mkdir()
        work.gathered()

        again = Staging(volume, volume, seal)
        again.make()

        assert again.is_gathered is goes_on
        assert again.is_doubtful is not goes_on


def test_unusual_names_and_links_move_unchanged(place: Path) -> None:
    volume, work, files = _begun(place)
    files.mkdir()
    for name in ODD_NAMES:
        (files / name).symlink_to(place / "outside")
    before = canary(place / "outside")

    work.gathered()
    assert work.put_in_place() == []
    work.remove()

    assert sorted(os.listdir(volume)) == sorted(ODD_NAMES)  # noqa: PTH208 -- names
    assert canary(place / "outside") == before


def test_a_volume_behind_a_link_to_the_outside_is_refused(place: Path) -> None:
    """Of `backup.volumes: data:app/files`, all but `data` is the app's."""
    (place / "data").mkdir()
    before = canary(place / "outside")
    for number, target in enumerate(("../outside", str(place / "outside"), "loop", "nowhere")):
        link = place / "data" / f"app{number}"
        link.symlink_to(target if target != "loop" else link.name)
        with pytest.raises(OSError, match="is a link"):
            needs_work(link / "files", place / "data")
        with pytest.raises(OSError, match="is a link"):
            Staging(link / "files", place / "data", _SEAL)
    assert canary(place / "outside") == before


@pytest.mark.parametrize("what", ["folder", "staging"])
def test_a_constantly_changing_volume_is_safe(place: Path, what: str) -> None:
    """The folder, or the one of the work, is now itself and now a link, while files come."""
    before = canary(place / "outside")
    volume = place / "data"
    volume.mkdir()
    (volume / "dir").mkdir()
    (volume / "link").symlink_to(place / "outside")
    name = "dir" if what == "folder" else names.STAGING
    if what == "staging":
        (volume / name).mkdir(mode=0o700)
    done = 0
    with swapping(volume / name, volume / "link"):
        for _ in range(100):
            try:
                restore(volume)
                done += 1
            except OSError:
                continue
    assert canary(place / "outside") == before
    assert what == "staging" or done
