"""Several sidecars in one repository at the same time."""

import fcntl
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from demo import app
from tests.cluster.work import until
from tests.faults.night import Night
from tests.integration.sidecars import Json, Sidecar


def _neighbour(night: Night, name: str) -> Sidecar:
    made = Sidecar(
        night.root / name, name=name, secret={"RESTIC_REPOSITORY": str(night.sidecar.repository)}
    )
    app.write_files(made.volume)
    return made


def _run(sidecar: Sidecar) -> subprocess.CompletedProcess[str]:
    return sidecar.run("nice", "-n", "19", "backup-runner", "run")  # other tests run meanwhile


def test_many_writers_while_one_applies_retention_and_prunes(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.make_tasks_due()
    night.sidecar.change_secret(BACKUP_LOCK_PATIENCE_SECONDS="60")
    herd = [_neighbour(night, f"app-{number}") for number in range(20)]

    with ThreadPoolExecutor(21) as threads:
        done = list(threads.map(_run, [night.sidecar, *herd]))

    for each in done:
        ended = [json.loads(line) for line in each.stdout.splitlines() if '"status"' in line]
        assert ended[0]["status"] in {"success", "skipped"}
        assert ended[0].get("class") in {None, "locked"}
    assert night.ends()["status"] == "success"
    for neighbour in herd:
        assert neighbour.back_up()["status"] == "success"


def test_two_sidecars_with_the_same_name_by_mistake(tmp_path: Path) -> None:
    """They share a history; neither fails, and neither takes the other's newest snapshot."""
    night = Night(tmp_path)
    secret = {"RESTIC_REPOSITORY": str(night.sidecar.repository)}
    twin = Sidecar(tmp_path / "twin", secret=secret)
    app.write_files(twin.volume)

    assert twin.back_up()["status"] == "success"

    newest = {each["paths"][0] for each in night.sidecar.snapshots()}
    assert newest == {str(night.sidecar.volume), str(twin.volume)}
    assert night.ends()["status"] == "success"


def _first_runs(root: Path, count: int, pace: dict[str, str]) -> list[Sidecar]:
    """Return sidecars that share a repository which nobody has created.

    Each run waits where it has begun until the gate opens.
    """
    secret = {"RESTIC_REPOSITORY": str(root / "repository")}
    wait = ["sh", "-c", f"echo >>{root}/waiting; exec flock --shared {root}/gate true"]
    annotations = {"backup.forget": "off", "backup.pre": json.dumps(wait)}
    herd = []
    for number in range(count):
        made = Sidecar(
            root / f"app-{number}", name=f"app-{number}", secret=secret, pace=pace,
            annotations=annotations,
        )  # fmt: skip
        (made.volume / "page").write_text(f"of {number}")
        herd.append(made)
    return herd


def _all_at_once(root: Path, herd: list[Sidecar]) -> list[Json]:
    """Let them all back up at the same moment; return how each run ended."""
    with (root / "gate").open("w") as gate, ThreadPoolExecutor(len(herd)) as threads:
        fcntl.flock(gate, fcntl.LOCK_EX)
        (root / "waiting").touch()
        runs = [threads.submit(_run, each) for each in herd]
        try:
            until(lambda: (root / "waiting").stat().st_size == len(herd), "all wait", 600)
        finally:
            fcntl.flock(gate, fcntl.LOCK_UN)
    return [
        next(line for line in map(json.loads, run.result().stdout.splitlines()) if "status" in line)
        for run in runs
    ]


def _is_whole(herd: list[Sidecar]) -> None:
    """Prove that the repository opens by its one key, and holds what those that it names have."""
    one = Sidecar(herd[0].root / "by-hand", secret=herd[0].secret)
    one.repository = Path(herd[0].secret["RESTIC_REPOSITORY"])
    assert len(json.loads(one.restic("key", "list", "--json"))) == 1
    assert "no errors were found" in one.restic("check", "--read-data")
    assert {each["hostname"] for each in one.snapshots()} == {each.root.name[5:] for each in herd}


# While a password takes its time, all of them have seen that there is no repository yet.
@pytest.mark.usefixtures("released_restic")
@pytest.mark.parametrize(("count", "spread", "settle"), [(6, 0, 10), (50, 20, 10)])
def test_many_that_create_one_repository_at_the_same_moment(
    tmp_path: Path, count: int, spread: int, settle: int
) -> None:
    """Several keys are written, and one config: the key that opens it is found and left alone."""
    waits = {"SPREAD": spread, "SETTLE": settle}  # of 60 and 10 seconds
    pace = {f"BACKUP_INIT_{name}_SECONDS": str(seconds) for name, seconds in waits.items()}
    herd = _first_runs(tmp_path, count, pace)

    ended = _all_at_once(tmp_path, herd)

    assert {each["status"] for each in ended} == {"success"}, ended
    _is_whole(herd)
