"""What can become of the folders that are to be backed up."""

import json
import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import needs
from tests.faults.night import Night
from tests.integration.sidecars import OTHER, other_user

KEEPS = tuple(f"KEEP_{each}" for each in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"))


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night with one snapshot behind it."""
    return Night(tmp_path)


def _second_volume(night: Night) -> Path:
    made = night.sidecar.path("/backup/media")
    made.mkdir()
    for number in range(4):
        (made / f"film-{number}").write_text(f"film {number}")
    night.back_up()
    return made


@contextmanager
def _away(folder: Path) -> Iterator[None]:
    aside = folder.parent.parent / f"{folder.name}.aside"  # beside what is mounted
    folder.rename(aside)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_a_volume_that_is_empty_three_times(night: Night, kept: int) -> None:
    """Three empty snapshots would push out the good ones."""
    night.sidecar.change_secret(**dict.fromkeys(KEEPS, "0"), KEEP_LAST=str(kept))
    with _away(night.sidecar.volume):
        night.sidecar.volume.mkdir()
        for _ in range(3):
            night.make_tasks_due()
            night.back_up("failure", "source")

        assert night.sidecar.status()["held"] is True
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("how", ["emptied", "missing"])
def test_one_of_two_volumes(night: Night, how: str) -> None:
    media = _second_volume(night)
    night.sidecar._extra = {**night.sidecar._extra, "BACKUP_VOLUMES": '["data", "media"]'}
    with _away(media):
        if how == "emptied":
            media.mkdir()
        ended = night.back_up("failure", "source")

        assert str(media) in ended["message"]
        assert str(night.sidecar.volume) not in ended["message"]
        assert "kept" in night.sidecar.restic("ls", "latest", str(night.sidecar.volume))
    assert night.ends()["status"] == "success"


@needs.root.mark
@pytest.mark.parametrize(
    ("unreadable", "expected"),
    [
        ("all", ("failure", "source")),
        ("half", ("failure", "source")),
        ("few", ("warning", "source")),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, unreadable: str, expected: tuple[str, str]
) -> None:
    """As another user than root; a few are a warning, and the last success advances."""
    night = Night(tmp_path)
    sidecar, volume = night.sidecar, night.sidecar.volume
    for number in range(9):
        (volume / f"file-{number}").write_text(f"{number}")
    sidecar.back_up()
    before = sidecar.status()["last_success"]
    for folder in tmp_path.parents[:3]:
        folder.chmod(0o755)
    sidecar._extra = {**sidecar._extra, **other_user(tmp_path)}
    for path in (tmp_path, *tmp_path.rglob("*")):
        if not path.is_symlink():
            os.chown(path, OTHER, OTHER)
    files = sorted(volume.iterdir())
    hidden = {"all": [volume], "half": files[:5], "few": files[:1]}[unreadable]
    for path in hidden:
        os.chown(path, 0, 0)
        path.chmod(0o700)

    done = sidecar.run("backup-runner", "run", user=OTHER)

    known = sidecar.status()
    assert (known["last"]["status"], known["last"]["failure"]) == expected, done.stdout
    assert (known["last_success"] >= before) if unreadable == "few" else known["held"]
    for path in hidden:
        path.chmod(stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO)
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("left", ["", "lost+found"])
def test_the_only_volume(night: Night, left: str) -> None:
    """It is missing; or it was made anew, and then its root is as good as empty."""
    with _away(night.sidecar.volume):
        if left:
            (night.sidecar.volume / left).mkdir(parents=True)

        night.back_up("failure", "source")
    assert night.ends()["status"] == "success"


def test_a_volume_that_shrinks(night: Night) -> None:
    night.write("large", 4 << 20)
    night.sidecar.back_up()
    large = (night.sidecar.volume / "large").read_bytes()
    (night.sidecar.volume / "large").unlink()

    ended = night.back_up("warning", "source")

    assert "shrank from" in ended["message"]
    assert night.sidecar.status()["held"] is True
    (night.sidecar.volume / "large").write_bytes(large)
    assert night.ends()["status"] == "success"


def test_a_missing_source_of_the_secret(night: Night) -> None:
    """The run fails, and the volumes are in the snapshot all the same."""
    night.sidecar.change_secret(RESTIC_SOURCE="/backup/cnofig")
    night.write("new", 100)

    ended = night.back_up("failure", "source")

    assert "/backup/cnofig" in ended["message"]
    assert "new" in night.sidecar.restic("ls", "latest", str(night.sidecar.volume))
    night.sidecar.change_secret(RESTIC_SOURCE="")
    assert night.ends()["status"] == "success"


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    here = os.open(path.parent, os.O_PATH)  # the names of sockets are short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def _long(path: Path) -> None:
    path.with_name("ä" * 127).write_text("long")


def _odd(path: Path) -> None:
    Path(os.fsdecode(os.fsencode(path.parent) + b"/\xff\n'\"$(x)")).write_text("odd")


@pytest.mark.parametrize("make", [_pipe, _socket, _sparse, _long, _odd])
def test_a_file_of_an_unusual_type(night: Night, make: Callable[[Path], None]) -> None:
    """Nothing waits for it, and the snapshot holds all but sockets."""
    make(night.sidecar.volume / "rare")

    night.back_up()

    volume = night.sidecar.volume
    lines = night.sidecar.restic("ls", "--json", "latest", str(volume)).splitlines()
    paths = [str(json.loads(line).get("path", "")) for line in lines]
    inside = [path for path in paths if path.startswith(f"{volume}/")]
    kept = [path for path in volume.iterdir() if not path.is_socket()]  # nothing is in a socket
    assert len(inside) == len(kept)
    assert len(list(volume.iterdir())) == 2
    assert night.ends()["status"] == "success"


CHANGING = """
import os, pathlib, sys
folder, turn = pathlib.Path(sys.argv[1]), 0
while True:
    turn += 1
    name = folder / f"changing-{turn % 50}"
    name.write_bytes(os.urandom(turn % 7000))
    name.rename(folder / f"renamed-{turn % 50}")
    (folder / f"renamed-{(turn + 25) % 50}").unlink(missing_ok=True)
    with (folder / "growing").open("ab") as file:
        file.write(b"x" * 100)
    if turn == 100:
        print("changes", flush=True)
"""


def test_files_that_change_constantly(night: Night) -> None:
    """Growing, renamed and vanishing: what is gone when it is read costs a warning at most."""
    night.write("steady", 4 << 20)
    for number in range(99):  # where half of all cannot be read, it is a failure
        night.write(f"steady-{number}", 10)
    with night.running("python3", "-c", CHANGING, str(night.sidecar.volume)) as app:
        assert app.stdout
        assert app.stdout.readline() == "changes\n"
        ended = night.sidecar.back_up()
        app.kill()

    assert ended["status"] in {"success", "warning"}
    assert "steady" in night.sidecar.restic("ls", "latest", str(night.sidecar.volume))
    assert night.ends()["status"] == "success"
