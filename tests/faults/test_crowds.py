"""Several sidecars in one repository at the same time."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from demo import app
from tests.faults.night import Night
from tests.integration.sidecars import Sidecar


def _neighbour(night: Night, name: str) -> Sidecar:
    made = Sidecar(
        night.root / name, name=name, secret={"RESTIC_REPOSITORY": str(night.sidecar.repository)}
    )
    app.write_files(made.volume)
    return made


def _run(sidecar: Sidecar) -> subprocess.CompletedProcess[str]:
    return sidecar.run("backup-runner", "run")


def test_many_writers_while_one_applies_retention_and_prunes(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.make_chores_due()
    night.sidecar.change_secret(BACKUP_LOCK_PATIENCE_SECONDS="60")
    herd = [_neighbour(night, f"app-{number}") for number in range(6)]

    with ThreadPoolExecutor(7) as threads:
        done = list(threads.map(_run, [night.sidecar, *herd]))

    for each in done:
        ended = [json.loads(line) for line in each.stdout.splitlines() if '"status"' in line]
        assert ended[0]["status"] in {"success", "skipped"}
        assert ended[0].get("class") in {None, "locked"}
    assert night.ends()["status"] == "success"
    for neighbour in herd:
        assert neighbour.back_up()["status"] == "success"


def test_two_sidecars_of_one_name_by_mistake(tmp_path: Path) -> None:
    """They share a history; neither fails, and neither takes the other's newest snapshot."""
    night = Night(tmp_path)
    secret = {"RESTIC_REPOSITORY": str(night.sidecar.repository)}
    twin = Sidecar(tmp_path / "twin", secret=secret)
    app.write_files(twin.volume)

    assert twin.back_up()["status"] == "success"

    newest = {each["paths"][0] for each in night.sidecar.snapshots()}
    assert newest == {str(night.sidecar.volume), str(twin.volume)}
    assert night.ends()["status"] == "success"
