"""Moving a restored volume into place: never onto anything, and whole after a kill at any step."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contract import names
from demo import trees
from runner.restore.staging import Staging, is_empty, needs_work
from runner.volume import moving
from tests.integration.backup.hard_tree import build_hard_tree

_UNKNOWN_FLAG = 1 << 10  # no kernel knows it: each answers as those of NFS do for the real one

_CHILD = """
import os, subprocess, sys
from pathlib import Path
from runner.volume import moving; from runner.restore import staging
from runner.volume.seal import Seal

last, flag = map(int, sys.argv[1:3])
source, volume = map(Path, sys.argv[3:5])
moving._NO_REPLACE = flag
seen = 0

def count(event, arguments):
    global seen
    if event in EVENTS or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_CREAT)):
        seen += 1
        if seen == last:
            os._exit(9)

EVENTS = {"os.mkdir", "os.rename", "os.rmdir", "os.remove", "os.chmod", "os.chown", "os.utime",
          "os.setxattr", "os.link"}
rename = moving.rename  # by the kernel's own call, of which no event tells
moving.rename = lambda *arguments: (count("os.rename", ()), rename(*arguments))
work = staging.Staging(volume, seal=Seal(b"password"))
sys.addaudithook(count)
work.make()
if not work.is_gathered:
    work.begin("a snapshot")
    again = ("cp", "-aT", "--remove-destination", source, f"{work.files}/{volume.name}")
    subprocess.run(again, check=True, pass_fds=(work.folder.descriptor,))
    work.gathered()
work.put_in_place()
work.remove()
"""


def run(last: int, flag: int, source: Path, volume: Path) -> int:
    """Restore ``source`` into ``volume``, killed at the ``last``-th step; return how it ended."""
    words = (str(last), str(flag), str(source), str(volume))
    return subprocess.run((sys.executable, "-c", _CHILD, *words), check=False).returncode


def small(root: Path) -> Path:
    """Make a tree of each kind that moves in its own way."""
    for name in ("both", "ours", "closed"):
        (root / name / "inner").mkdir(parents=True)
        (root / name / "inner" / "file").write_text(f"{name}\n")
        (root / name / "file").write_text(f"{name}\n")
    (root / "ours" / "link").symlink_to("nowhere")
    (root / "file").write_text("ours\n")
    (root / "other").write_text("ours\n")
    (root / "closed").chmod(0o555)
    root.chmod(0o2750)
    return root


@pytest.mark.parametrize("flag", [1, _UNKNOWN_FLAG])
def test_a_kill_at_each_step_loses_nothing(tmp_path: Path, flag: int) -> None:
    """Neither of ours nor of what another pod had written before we were killed."""
    source = small(tmp_path / "source")
    expected = trees.capture(source)
    steps, code = 0, 9
    while code == 9:
        steps += 1
        volume = tmp_path / f"at {steps}" / "data"
        volume.mkdir(parents=True)
        code = run(steps, flag, source, volume)
        if (volume / names.STAGING).exists() and not (volume / "both").exists():
            (volume / "both").mkdir()
            (volume / "both" / "theirs").write_text("theirs\n")
        begun = (volume / names.STAGING / "snapshot").exists()

        assert run(0, flag, source, volume) == 0

        found = trees.differences(expected, trees.capture(volume), ignore=frozenset({"mtime_ns"}))
        if begun or (volume / "file").exists():
            assert [line for line in found if "both" not in line] == [], steps
            assert (volume / "both" / "inner" / "file").read_text() == "both\n"
        assert not (volume / names.STAGING).exists()
        shutil.rmtree(volume.parent)
    assert code == 0
    assert steps > 30


@pytest.mark.parametrize("flag", [1, _UNKNOWN_FLAG])
def test_an_existing_file_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: int
) -> None:
    monkeypatch.setattr(moving, "_NO_REPLACE", flag)
    volume = tmp_path / "data"
    work = Staging(volume)
    work.make()
    work.begin("a snapshot")
    small(Path(work.files, "data"))
    (volume / "both").mkdir()
    (volume / "both" / "file").write_text("theirs\n")
    (volume / "ours").write_text("a file of theirs where we have a folder\n")
    (volume / "file").mkdir()
    (volume / "other").symlink_to("theirs")

    work.gathered()
    theirs = work.put_in_place()
    work.remove()

    named = ("both/file", "file", "other", "ours")
    assert theirs == [str(volume / name) for name in named]
    assert (volume / "both" / "file").read_text() == "theirs\n"
    assert (volume / "both" / "inner" / "file").read_text() == "both\n"
    assert (volume / "ours").is_file()
    assert (volume / "file").is_dir()
    assert os.readlink(volume / "other") == "theirs"  # noqa: PTH115 -- the text as it is
    assert (volume / "closed").stat().st_mode & 0o777 == 0o555


def test_a_tree_with_unusual_names_moves_unchanged(tmp_path: Path) -> None:
    work = Staging(tmp_path / "data")
    work.make()
    work.begin("a snapshot")
    build_hard_tree(Path(work.files, "data"))
    before = trees.capture(Path(work.files, "data"))

    work.gathered()
    assert work.put_in_place() == []
    work.remove()

    found = trees.capture(tmp_path / "data")
    del before[b"."], found[b"."]
    assert trees.differences(before, found) == []


@pytest.mark.parametrize(
    ("inside", "empty"),
    [
        ((), True),
        (("lost+found",), True),
        (("lost+found", names.STAGING), True),
        ((".hidden",), False),
        (("lost+found", "file"), False),
    ],
)
def test_an_empty_volume_has_at_most_lost_and_found(
    tmp_path: Path, inside: tuple[str, ...], empty: bool
) -> None:
    for name in inside:
        (tmp_path / name).mkdir()

    assert is_empty(tmp_path) is empty
    assert needs_work(tmp_path) is empty


def test_a_missing_volume_is_empty_and_a_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert is_empty(tmp_path / "nothing")
    assert not is_empty(tmp_path / "file")


def test_an_interrupted_restore_with_files_continues(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("moved already\n")
    (tmp_path / names.STAGING).mkdir()

    assert needs_work(tmp_path)
