"""What real restic lists and writes as an archive is unpacked here, to the last byte."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from kubectl_backup.cluster.exec import Answer, Running
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.restore import local
from kubectl_backup.restore.selection import Content, Selection, content_of
from kubectl_backup.workload.sidecar import Sidecar

_TERMINAL = Terminal(None, paint=False, asks=False)


class Part:
    """A sidecar's restic, started here."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def run(self, *words: str) -> Running:
        """Run restic as `backup-runner restic` does."""
        end = Answer()
        return Running(self._output(words[1:], end), end)

    def _output(self, words: tuple[str, ...], end: Answer) -> Iterator[bytes]:
        done = subprocess.run(words, env=self._environment, capture_output=True, check=False)
        for start in range(0, len(done.stdout), 30_000):
            yield done.stdout[start : start + 30_000]
        end.code, end.err = done.returncode, done.stderr


def held_by(part: Sidecar, path: str) -> Content | None:
    """Return what the latest snapshot holds at a path."""
    with _TERMINAL.progress("reading") as progress:
        return content_of(part, "latest", path, progress, whole=True)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A volume with everything that a file system has."""
    made = tmp_path / "volume"
    deep = made / "mit Leerzeichen" / ("ü" * 100) / ("n" * 200)
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(os.urandom(200_000))
    (made / "empty").touch()
    (made / "empty folder").mkdir(mode=0o500)
    (made / "zwei\nlines \x1b[2J").write_text("x")
    Path(os.fsdecode(os.fsencode(made) + b"/no text \xff")).write_text("y")
    (made / "setuid").write_text("z")
    (made / "setuid").chmod(0o4755)
    (made / "hard").hardlink_to(made / "setuid")
    (made / "link").symlink_to("/etc/passwd")
    (made / "sparse").touch()
    os.truncate(made / "sparse", 3_000_000)
    os.utime(made / "empty", (-10, -10))
    os.mkfifo(made / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(made)
        listening.bind("socket")
        os.chdir(here)
    return made


def test_a_volume_with_every_file_type_is_restored_into_a_folder(
    source: Path, tmp_path: Path
) -> None:
    """The pipe, which restic writes as an empty file, is one; a socket is in no snapshot."""
    environment = {**os.environ, "RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": f"{tmp_path}/repo",
                   "RESTIC_CACHE_DIR": f"{tmp_path}/cache"}  # fmt: skip
    for words in (("init",), ("backup", str(source))):
        subprocess.run(("restic", "-q", *words), env=environment, check=True)
    part, folder = cast("Sidecar", Part(environment)), tmp_path / "here"
    held = held_by(part, str(source))
    assert held is not None
    snapshot = {"id": "latest", "short_id": "latest", "time": "2026-01-01T00:00:00Z"}

    wanted = Selection(part, "data", str(source), snapshot, {str(source): held})
    assert local.write(_TERMINAL, wanted, folder, yes=False) == 0

    before = {os.fsencode(path.relative_to(source)): path for path in source.rglob("*")}
    after = {os.fsencode(path.relative_to(folder)): path for path in folder.rglob("*")}
    assert before.keys() - after.keys() == {b"socket"}
    assert after.keys() <= before.keys()
    for name, path in before.items():
        if path.is_symlink():
            assert after[name].readlink() == path.readlink()
        elif path.is_file():
            assert after[name].read_bytes() == path.read_bytes()
            assert after[name].stat().st_mtime == pytest.approx(path.stat().st_mtime, abs=1)
    assert (folder / "setuid").stat().st_mode & 0o7777 == 0o755
    assert (folder / "empty folder").stat().st_mode & 0o7777 == 0o500


def test_one_file_is_restored_and_a_missing_one_is_named(source: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": f"{tmp_path}/repo",
                   "RESTIC_CACHE_DIR": f"{tmp_path}/cache"}  # fmt: skip
    for words in (("init",), ("backup", str(source))):
        subprocess.run(("restic", "-q", *words), env=environment, check=True)
    part, path = cast("Sidecar", Part(environment)), f"{source}/setuid"
    held = held_by(part, path)
    assert held is not None
    assert (held.is_folder, held.bounds.size) == (False, 1)
    assert held_by(part, f"{source}/gone") is None
    snapshot = {"id": "latest", "short_id": "latest", "time": "2026-01-01T00:00:00Z"}

    wanted = Selection(part, "data", path, snapshot, {path: held})
    assert local.write(_TERMINAL, wanted, tmp_path / "here", yes=False) == 0

    assert [each.name for each in (tmp_path / "here").iterdir()] == ["setuid"]
