"""SQLite databases in a volume: the snapshot holds a copy that is whole, and not the live file."""

from pathlib import Path

import pytest

from demo import app
from tests.integration.sidecars import Sidecar
from tests.runner.databases.sqlite.test_copies import SOUND, database, money, written


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_copy_is_backed_up_in_place_of_the_live_database(tmp_path: Path, mode: str) -> None:
    sidecar = Sidecar(tmp_path, annotations={"backup.sqlite": "*.db"})
    app.write_files(sidecar.volume)
    path = database(sidecar.volume / "app.db", mode)

    with written(path, mode):
        assert sidecar.back_up()["status"] == "success"

    sidecar.restic("restore", "latest", "--target", str(tmp_path / "restored"))
    scratch = sidecar.path("/var/lib/backup") / "tmp" / "sqlite"
    assert money(Path(f"{tmp_path}/restored{scratch}{path}")) == SOUND
    names = {each.name for each in Path(f"{tmp_path}/restored{sidecar.volume}").iterdir()}
    assert "pages" in names
    assert not [name for name in names if name.startswith("app.db")]


def test_a_database_that_cannot_be_copied_is_backed_up_as_files(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, annotations={"backup.sqlite": "*.db"})
    path = database(sidecar.volume / "app.db")
    with path.open("r+b") as file:
        file.truncate(5000)

    ended = sidecar.back_up()

    assert (ended["status"], ended["class"]) == ("warning", "source")
    assert f"{path} is not copied consistently" in ended["message"]
    assert str(path) in sidecar.restic("ls", "latest").splitlines()


def test_globs_outside_the_volume_are_refused_and_named(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, annotations={"backup.sqlite": "../*.db"})
    app.write_files(sidecar.volume)

    assert sidecar.back_up()["status"] == "success"

    (problem,) = sidecar.status()["problems"]
    assert problem.startswith("annotation backup.sqlite '../*.db': write globs inside the volume")
