"""What several processes share is made once, and nobody sees a part of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.blocks import PROJECT
from tests.services import once

_PROCESSES, _FILES = 6, 40
_FOLDER = """
import sys
from pathlib import Path
from tests.services import once

place = Path(sys.argv[1])

def make(new):
    with (place / "made").open("a") as log:
        log.write("x")
    for number in range(40):
        (new / str(number)).write_text("whole")

print("ready", flush=True)
sys.stdin.readline()  # all begin at once
folder = once.folder(place / "thing", "one", make)
print(*(file.read_text() for file in folder.glob("[0-9]*")))
"""


def test_concurrent_processes_make_it_once(tmp_path: Path) -> None:
    argv = (sys.executable, "-c", _FOLDER, tmp_path)
    running = [
        subprocess.Popen(
            argv, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(_PROCESSES)
    ]
    for process in running:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].split() for process in running]

    assert said == [["whole"] * _FILES] * _PROCESSES
    assert (tmp_path / "made").read_text() == "x"


def test_a_failure_leaves_nothing_and_the_next_process_makes_it(tmp_path: Path) -> None:
    def fails(new: Path) -> None:
        (new / "part").touch()
        raise OSError("no network")

    for _ in range(2):
        with pytest.raises(OSError, match="no network"):
            once.folder(tmp_path / "thing", "one", fails)
        assert not (tmp_path / "thing").exists()
    made = once.folder(tmp_path / "thing", "one", lambda new: (new / "whole").touch())

    assert (made / "whole").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"thing", ".thing.lock"}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_another_version_replaces_it_and_the_same_one_does_not(tmp_path: Path, kind: str) -> None:
    made: list[str] = []

    def call(version: str) -> str:
        def make(new: Path) -> None:
            made.append(version)
            (new / "text" if kind == "folder" else new).write_text(version)

        path = getattr(once, kind)(tmp_path / "thing", version, make)
        return str((path / "text" if kind == "folder" else path).read_text())

    assert [call(each) for each in ("one", "one", "two", "two")] == ["one", "one", "two", "two"]
    assert made == ["one", "two"]


def test_a_deleted_file_is_made_again(tmp_path: Path) -> None:
    for _ in range(2):
        once.file(tmp_path / "thing", "one", Path.touch)
        (tmp_path / "thing").unlink()
