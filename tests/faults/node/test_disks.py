"""Disks that are full or read-only: the repository's, and the sidecar's own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests import needs
from tests.faults.night import Night

pytestmark = needs.root.mark


@contextmanager
def small(folder: Path, size: str) -> Iterator[None]:
    """Put a disk of this size where a folder is, with all that is in it."""
    aside = folder.with_name(f"{folder.name}.aside")
    folder.rename(aside)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _again(folder: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", folder], check=True)


def fill(folder: Path) -> None:
    """Leave no room on a disk."""
    with suppress(OSError), (folder / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_repository_without_space(tmp_path: Path) -> None:
    night = Night(tmp_path)
    repository = night.sidecar.repository
    with small(repository, "4m"):
        night.write("new", 12 << 20)

        night.back_up("failure", "space")

        _again(repository, "size=64m")
        assert night.ends()["status"] == "success"


def test_a_repository_that_is_read_only(tmp_path: Path) -> None:
    night = Night(tmp_path)
    repository = night.sidecar.repository
    with small(repository, "64m"):
        _again(repository, "ro")

        ended = night.back_up("failure", "config")

        assert "read-only" in ended["message"]
        _again(repository, "rw")
        assert night.ends()["status"] == "success"


def test_a_full_disk_of_the_sidecars_own(tmp_path: Path) -> None:
    """A backup without a state is better than none."""
    night = Night(tmp_path)
    state = night.sidecar.path("/var/lib/backup")
    with small(state, "6m"):
        fill(state)

        done = night.sidecar.run("backup-runner", "run")

        assert "the state cannot be written: No space left on device" in done.stdout
        assert '"status": ' in done.stdout
        (state / "ballast").unlink()
        night.ends(recovers=False)
        # What could not be kept is not known: nor that a recovery is news.
        assert night.sidecar.back_up()["status"] == "success"
