"""A cache that cannot be used: the backup goes on without, and says so."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import needs
from tests.faults.night import Night


def _garbage(cache: Path, names: str) -> None:
    found = [path for path in cache.rglob(names) if path.is_file()]
    assert found
    for path in found:
        path.chmod(0o600)
        path.write_bytes(b"garbage")


def _replace(cache: Path, make: Callable[[Path], object]) -> None:
    subprocess.run(["rm", "-rf", cache], check=True)
    make(cache)


MENDED: dict[str, Callable[[Path], object]] = {
    "a file in its place": lambda cache: _replace(cache, Path.touch),
    "a link to nowhere": lambda cache: _replace(cache, lambda path: path.symlink_to("/nowhere")),
    "closed": lambda cache: cache.chmod(0),
    "damaged contents": lambda cache: _garbage(cache / _inside(cache), "*[0-9a-f]"),
}


def _inside(cache: Path) -> str:
    return next(path.name for path in cache.iterdir() if path.is_dir())


@pytest.mark.parametrize("case", MENDED)
def test_a_damaged_cache_is_recreated(tmp_path: Path, case: str) -> None:
    """Nobody needs to know."""
    night = Night(tmp_path)
    cache = night.sidecar.path("/var/lib/backup") / "cache"

    MENDED[case](cache)

    assert night.ends()["status"] == "success"
    assert night.sidecar.status()["problems"] == []
    assert (cache / "CACHEDIR.TAG").exists()


def test_a_cache_that_restic_refuses_is_removed(tmp_path: Path) -> None:
    """restic ends at once where its version file is no number."""
    night = Night(tmp_path)
    cache = night.sidecar.path("/var/lib/backup") / "cache"
    _garbage(cache, "version")

    done = night.sidecar.run("backup-runner", "run")

    assert done.returncode == 0, done.stdout
    assert done.stdout.count("restic's cache cannot be used") >= 1
    assert [each for each in night.sidecar.status()["problems"] if "cache cannot be used" in each]
    assert night.ends()["status"] == "success"
    assert night.sidecar.status()["problems"] == []


@needs.root.mark
@pytest.mark.parametrize("options", ["size=64k", "size=40m,ro", "size=40m,nr_inodes=1"])
def test_a_cache_without_space_or_permission_is_not_used(tmp_path: Path, options: str) -> None:
    """restic alone would try for 15 minutes to write to a full one."""
    night = Night(tmp_path)
    cache = night.sidecar.path("/var/lib/backup") / "cache"
    subprocess.run(["rm", "-rf", cache], check=True)
    cache.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", cache], check=True)
    try:
        done = night.sidecar.run("backup-runner", "run")
        by_hand = night.sidecar.run("backup-runner", "restic", "snapshots")
        problems = night.sidecar.status()["problems"]
    finally:
        subprocess.run(["umount", cache], check=True)

    assert done.returncode == 0, done.stdout
    assert "backup success" in done.stdout
    assert "restic's cache cannot be used" in done.stdout
    assert (by_hand.returncode, len(problems)) == (0, 1)
    assert "cache cannot be used" in problems[0]
    assert night.ends()["status"] == "success"
    assert night.sidecar.status()["problems"] == []
