"""Files of a database in a volume, which its dump stands for."""

from pathlib import Path

import pytest

from contract import names
from runner import rawdata
from tests.runner.workload import SECRET, configured

_POSTGRES = ("PG_VERSION", "global/pg_control", "postmaster.pid")


def _volume(root: Path, *files: str) -> str:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return str(root)


def _found(volume: str, name: str, **secret: str) -> dict[str, tuple[str, ...]]:
    config = configured({names.ENV_DUMP: f'[["{name}"]]'}, {**SECRET, **secret})
    return rawdata.found(config, [volume])


@pytest.mark.parametrize("folder", ["", "data/", "18/docker/data/"])
def test_a_data_directory_of_postgres_is_found_but_for_its_configuration(
    tmp_path: Path, folder: str
) -> None:
    volume = _volume(tmp_path, *(folder + file for file in _POSTGRES))
    path = str(tmp_path / folder).rstrip("/")

    assert _found(volume, "postgres") == {"postgres": (f"{path}/*", f"!{path}/*.conf")}


@pytest.mark.parametrize("missing", _POSTGRES)
def test_what_may_be_another_or_an_older_one_stays(tmp_path: Path, missing: str) -> None:
    volume = _volume(tmp_path, *(file for file in _POSTGRES if file != missing))

    assert _found(volume, "postgres") == {}


def test_what_another_server_or_one_database_is_dumped_of_stays(tmp_path: Path) -> None:
    volume = _volume(tmp_path, *_POSTGRES)

    assert _found(volume, "postgres", PGHOST="db.prod.svc") == {}
    assert _found(volume, "postgres", PGDATABASE="wiki") == {}
    assert _found(volume, "postgres", PGHOST="localhost") != {}
    assert _found(volume, "redis") == {}


def test_files_of_mysql_and_redis_are_found(tmp_path: Path) -> None:
    volume = _volume(tmp_path, "db/ibdata1", "db/mysql/user.frm", "r[1]/dump.rdb", "notes")

    assert _found(volume, "mysql")["mysql"][0] == f"{tmp_path}/db/*"
    assert _found(volume, "redis") == {"redis": (f"{tmp_path}/r\\[1]/dump.rdb",)}
