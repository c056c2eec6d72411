"""Files of a database in a volume: which are the dumped server's, and give way to its dump."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from contract import names
from runner.databases import inventory
from runner.databases.files import data_files
from runner.databases.inventory import Inventory, Judgement
from tests.runner.config.workload import SECRET, configured

_SYSTEM = 7713990375105969180
_POSTGRES = ("PG_VERSION", "postmaster.pid", "postgresql.conf", "base/1/PG_VERSION", "notes")


def _write(folder: Path, *files: str) -> Path:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file)
    return folder


def _postgres(folder: Path) -> tuple[Path, Inventory]:
    """Return a data folder, and what its server says of it."""
    _write(folder, *_POSTGRES)
    (folder / "global").mkdir()
    (folder / "global" / "pg_control").write_bytes(_SYSTEM.to_bytes(8, "little") + b"x" * 99)
    return folder, Inventory(proofs={"system": str(_SYSTEM), "files": _files(folder)})


def _files(folder: Path) -> dict[str, list[int]]:
    known = {each: (folder / each).stat() for each in ("PG_VERSION", "postmaster.pid")}
    return {
        name: [each.st_size, int(each.st_mtime), int(each.st_ctime)] for name, each in known.items()
    }


def _judged(tmp_path: Path, name: str, found: Inventory | None, **secret: str) -> Judgement:
    variables = {**SECRET, **secret}
    state = tmp_path / "state"
    config = configured(
        {names.ENV_DUMP: f'[["{name}"]]', names.ENV_STATE_DIR: str(state)}, variables
    )
    (state / "tmp").mkdir(parents=True, exist_ok=True)
    if found is not None:
        (state / "tmp" / inventory.file_name(name)).write_text(inventory.written(found))
    return data_files.judged(config, name, [str(tmp_path / "v")])


@pytest.mark.parametrize("folder", ["", "data", "18/docker/data"])
def test_a_data_folder_is_identified_by_the_times_of_its_files(tmp_path: Path, folder: str) -> None:
    path, found = _postgres(tmp_path / "v" / folder)

    raw = _judged(tmp_path, "postgres", found).raw

    assert {f"{path}/base", f"{path}/global", f"{path}/postmaster.pid"} <= set(raw)
    assert not {f"{path}/notes", f"{path}/postgresql.conf", f"{path}/*", str(path)} & set(raw)


@pytest.mark.parametrize("what", ["system", "time", "change", "size", "no pid", "nothing"])
def test_a_folder_that_may_be_another_servers_stays(tmp_path: Path, what: str) -> None:
    """An older one, a copy, one that no server has in use, one of a server that says nothing."""
    path, found = _postgres(tmp_path / "v")
    files = _files(path)
    match what:
        case "system":
            (path / "global" / "pg_control").write_bytes(b"another one")
        case "time":
            os.utime(path / "PG_VERSION", (1, 1))
        case "change":
            files["PG_VERSION"][2] -= 60
        case "size":
            files["postmaster.pid"][0] += 1
        case "no pid":
            del files["postmaster.pid"]
        case "nothing":
            found = replace(found, proofs={})
    if found.proofs:
        found = replace(found, proofs={**found.proofs, "files": files})

    assert _judged(tmp_path, "postgres", found).raw == ()


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    path, found = _postgres(tmp_path / "elsewhere")
    _write(tmp_path / "v" / "data", "PG_VERSION", "postmaster.pid")
    (tmp_path / "v" / "data" / "global").symlink_to(path / "global")
    for name in ("PG_VERSION", "postmaster.pid"):
        (tmp_path / "v" / "data" / name).unlink()
        (tmp_path / "v" / "data" / name).symlink_to(path / name)
    (tmp_path / "v" / "link").symlink_to(path)
    _write(tmp_path / "v" / "pipe" / "global")
    (tmp_path / "v" / "pipe" / "global").mkdir(parents=True)
    os.mkfifo(tmp_path / "v" / "pipe" / "global" / "pg_control")
    _write(tmp_path / "v" / "pipe", "PG_VERSION")

    assert _judged(tmp_path, "postgres", found) == Judgement()


def test_only_a_complete_dump_with_an_inventory_replaces_files(
    tmp_path: Path,
) -> None:
    _, found = _postgres(tmp_path / "v")

    incomplete = replace(found, gaps=("databases that allow no connections: old",))
    assert _judged(tmp_path, "postgres", incomplete) == Judgement(gaps=incomplete.gaps)
    assert _judged(tmp_path, "postgres", None) == Judgement(gaps=inventory.UNKNOWN.gaps)
    (tmp_path / "state" / "tmp" / inventory.file_name("postgres")).write_text("{half")
    assert _judged(tmp_path, "postgres", None).gaps == inventory.UNKNOWN.gaps


def test_an_inventory_is_valid_for_one_run(tmp_path: Path) -> None:
    _, found = _postgres(tmp_path / "v")

    assert _judged(tmp_path, "postgres", found).raw
    assert _judged(tmp_path, "postgres", None).raw == ()


@pytest.mark.parametrize(
    "secret", [{"PGHOST": "db.prod.svc"}, {"PGDATABASE": "wiki"}, {"PGHOST": "/run/postgresql"}]
)
def test_files_of_another_server_or_of_a_single_database_dump_stay(
    tmp_path: Path, secret: dict[str, str]
) -> None:
    _, found = _postgres(tmp_path / "v")

    assert _judged(tmp_path, "postgres", found, **secret).raw == ()
    assert _judged(tmp_path, "postgres", found, PGHOST="localhost").raw


def _mysql(folder: Path) -> Inventory:
    _write(folder, "ibdata1", "mysql/innodb_table_stats.frm", "shop/t.ibd", "crm/c.frm", "own.cnf",
           "old/ibdata1", "old/x.ibd", "a@0020b/t.ibd")  # fmt: skip
    made = (folder / "mysql" / "innodb_table_stats.frm").stat().st_ctime
    tables = {"innodb_table_stats": str(int(made))}
    return Inventory(("mysql", "shop", "old", "a b", "Größe"), proofs={"tables": tables})


def test_only_folders_of_dumped_mysql_databases_are_left_out(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "v" / "my[1]"
    raw = _judged(tmp_path, "mysql", _mysql(folder)).raw

    path = f"{tmp_path}/v/my\\[1]"
    assert {f"{path}/shop", f"{path}/mysql", f"{path}/a@0020b", f"{path}/ibdata[0-9]*"} <= set(raw)
    assert not {f"{path}/crm", f"{path}/old", f"{path}/own.cnf", f"{path}/*"} & set(raw)


@pytest.mark.parametrize(("uuid", "is_own"), [("3f1e", True), ("4f1e", False), ("", True)])
def test_a_mysql_server_is_identified_by_its_uuid(tmp_path: Path, uuid: str, is_own: bool) -> None:
    folder = tmp_path / "v"
    found = _mysql(folder)
    (folder / "auto.cnf").write_text("[auto]\nserver-uuid=3f1e\n")
    found = replace(found, proofs={**found.proofs, "uuid": uuid})

    assert bool(_judged(tmp_path, "mysql", found).raw) is is_own


_HOLD = """
import fcntl, sys
file = open(sys.argv[1], "r+")
fcntl.lockf(file, fcntl.LOCK_EX)
print(flush=True)
input()
"""


def test_of_a_data_folder_and_its_copy_only_the_one_in_use_is_left_out(tmp_path: Path) -> None:
    folders = [tmp_path / "v" / each for each in ("mysql", "own")]
    for folder in folders:
        found = _mysql(folder)
        (folder / "auto.cnf").write_text("[auto]\nserver-uuid=3f1e\n")
    found = replace(found, folder="/var/lib/mysql/", proofs={"uuid": "3f1e"})

    assert _judged(tmp_path, "mysql", found) == Judgement()
    argv = (sys.executable, "-c", _HOLD, str(folders[1] / "ibdata1"))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        judgement = _judged(tmp_path, "mysql", found)
        holder.communicate(b"\n")

    assert f"{folders[1]}/shop" in judgement.raw
    assert not [each for each in judgement.raw if each.startswith(str(folders[0]))]
    assert judgement.others == ()


def _redis(folder: Path, **proofs: str) -> Inventory:
    _write(folder, "dump.rdb", "other.rdb")
    saved = int((folder / "dump.rdb").stat().st_ctime)
    known = {"dbfilename": "dump.rdb", "rdb_last_save_time": str(saved), **proofs}
    return Inventory(folder=f"/{folder.name}", proofs=known)


@pytest.mark.parametrize(
    ("proofs", "folder", "is_own"),
    [
        ({}, "/cache", True),
        ({}, "/other", False),
        ({"rdb_last_save_time": "1700000000"}, "/cache", False),
        ({"rdb_last_save_time": "-"}, "/cache", False),
        ({"dbfilename": ""}, "/cache", False),
        ({"dbfilename": "../cache/dump.rdb"}, "/other", False),
    ],
)
def test_a_redis_file_is_identified_by_its_save_time(
    tmp_path: Path, proofs: dict[str, str], folder: str, is_own: bool
) -> None:
    found = replace(_redis(tmp_path / "v" / "cache", **proofs), folder=folder)

    raw = _judged(tmp_path, "redis", found).raw

    assert bool(raw) is is_own
    assert not [each for each in raw if "other.rdb" in each]


@pytest.mark.parametrize("name", ["../../other", "/etc/passwd", "..", "a/b", "/"])
@pytest.mark.parametrize("key", ["dbfilename", "appendfilename", "appenddirname"])
def test_a_server_names_no_file_outside_of_its_folder(tmp_path: Path, key: str, name: str) -> None:
    """Whoever listens at its port says what it likes; its words would leave out other volumes."""
    (tmp_path / "v" / "data").mkdir(parents=True)
    file = tmp_path / "v" / "data" / "dump.rdb"
    file.write_text("x")
    saved = str(int(file.stat().st_mtime))
    proofs = {"dbfilename": "dump.rdb", "rdb_last_save_time": saved, key: name}
    if key == "dbfilename":
        proofs |= {"aof_enabled": "1", "aof_current_size": "1", "appendfilename": "dump.rdb"}

    raw = _judged(tmp_path, "redis", Inventory(proofs=proofs, folder="/data")).raw

    assert raw
    assert all(Path(each).parent == tmp_path / "v" / "data" for each in raw)


@pytest.mark.parametrize("file", ["global", "global/pg_control", "PG_VERSION", "postmaster.pid"])
def test_identity_files_are_not_read_through_a_link(tmp_path: Path, file: str) -> None:
    path, found = _postgres(tmp_path / "v")
    (path / file).rename(tmp_path / "elsewhere")
    (path / file).symlink_to(tmp_path / "elsewhere")

    assert _judged(tmp_path, "postgres", found).raw == ()
