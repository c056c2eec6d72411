"""Commands before and after a backup: fixed by the pod's annotations, or the Secret's as ever."""

import json
import os
from pathlib import Path

import pytest

from demo import app
from tests.integration.sidecars import Sidecar


def _sidecar(root: Path, seconds: float = 600, **commands: str) -> Sidecar:
    given = {f"backup.{when}": text for when, text in commands.items()}
    made = Sidecar(root, annotations=given, pace={"BACKUP_HOOK_SECONDS": str(seconds)})
    app.write_files(made.volume)
    return made


def test_files_written_by_the_pre_hook_are_backed_up(tmp_path: Path) -> None:
    volume = tmp_path / "prod-wiki" / "backup" / "data"
    sidecar = _sidecar(tmp_path, pre=f"echo dumped > {volume}/dump", post=f"rm {volume}/dump")
    assert sidecar.volume == volume

    sidecar.back_up()

    assert not (volume / "dump").exists()
    assert sidecar.restic("dump", "latest", f"{volume}/dump") == "dumped\n"


def test_a_source_created_by_the_pre_hook_is_found(tmp_path: Path) -> None:
    sidecar = _sidecar(tmp_path)
    made = tmp_path / "made"
    sidecar.change_secret(PRE_HOOK=f"mkdir {made}; echo x > {made}/x", RESTIC_SOURCE=str(made))

    assert sidecar.back_up()["status"] == "success"


def test_nothing_is_backed_up_after_a_failed_pre_hook(tmp_path: Path) -> None:
    thawed = tmp_path / "thawed"
    sidecar = _sidecar(tmp_path, pre="echo no freezer >&2; exit 3", post=f"touch {thawed}")

    ended = sidecar.back_up(expected=1)

    assert (ended["status"], ended["class"]) == ("failure", "config")
    assert "no freezer" in ended["message"]
    assert not sidecar.repository.exists()
    assert thawed.exists()


def test_a_hook_that_hangs_is_stopped(tmp_path: Path) -> None:
    sidecar = _sidecar(tmp_path, 2, post='["sleep", "99999"]')

    ended = sidecar.back_up()

    assert (ended["status"], ended["class"]) == ("warning", "config")
    assert "took too long" in ended["message"]
    assert len(sidecar.snapshots()) == 1


def test_the_post_hook_runs_although_the_pod_stops(tmp_path: Path) -> None:
    frozen, thawed = tmp_path / "frozen", tmp_path / "thawed"
    sidecar = _sidecar(tmp_path, post=f"touch {thawed}")
    sidecar.change_secret(PRE_HOOK=f"echo frozen > {frozen}; sleep 99999")
    sidecar.annotate({"backup.run-now": "1"})
    os.mkfifo(frozen)
    with sidecar.running():
        sidecar.wait_for('"started"')
        sidecar.annotate({"backup.run-now": "2"})
        assert frozen.read_text() == "frozen\n"  # waits until it is written
        sidecar.stop()

    ended = next(line for line in map(json.loads, sidecar.log) if "status" in line)
    assert ended["status"] == "interrupted"
    assert thawed.exists()


@pytest.mark.parametrize("when", ["pre", "post"])
def test_a_later_change_of_the_annotation_runs_nothing(tmp_path: Path, when: str) -> None:
    """The right to patch a pod is no right to execute in it."""
    touched = tmp_path / "touched"
    sidecar = _sidecar(tmp_path)
    sidecar.annotate({f"backup.{when}": f"touch {touched}"})

    assert sidecar.back_up()["status"] == "success"
    assert not touched.exists()
