"""Data folders of database servers in the volumes, and whether one is that of a known server."""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path
from typing import Any

from runner.inventory import Inventory
from runner.steps import literal

_DEEP = 3  # folders below a volume, as in 18/docker/data
_LONGEST = 1 << 16  # bytes of a small file that are read
_SAME = 2  # seconds between a file's time and when its server says that it wrote it
_WRITTEN = 600  # seconds that a disk may take for what Redis has written, before it is renamed
_REDIS = {"dump.rdb", "appendonlydir", "appendonly.aof"}
# What a server writes into its data folder. Anything else in there is somebody else's, and stays;
# so does its configuration.
_POSTGRES_FILES = (
    "base", "global", "pg_clog", "pg_commit_ts", "pg_dynshmem", "pg_logical", "pg_multixact",
    "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat", "pg_stat_tmp",
    "pg_subtrans", "pg_tblspc", "pg_twophase", "pg_wal", "pg_xact", "pg_xlog", "PG_VERSION",
    "postmaster.pid", "postmaster.opts", "current_logfiles",
)  # fmt: skip
_DIGITS = "[0-9]" * 6
_MYSQL_FILES = (
    "ibdata[0-9]*", "ib_logfile[0-9]*", "ib_redo[0-9]*", "ibtmp[0-9]*", "ib_buffer_pool",
    "undo[0-9]*", "undo_[0-9]*", "#innodb_redo", "#innodb_temp", "#ib_*", "mysql.ibd",
    "aria_log.[0-9]*", "aria_log_control", "ddl_recovery*.log", "tc.log", "multi-master.info",
    "mysql_upgrade_info", "mariadb_upgrade_info", f"*bin.{_DIGITS}", "*bin.index", "*bin.state",
    f"binlog.{_DIGITS}", "binlog.index", "performance_schema", "sys",
)  # fmt: skip
_ENCODED = re.compile(r"@([0-9a-f]{4})")
_TABLE_FILES = (
    ".frm", ".ibd", ".opt", ".MYD", ".MYI", ".MAD", ".MAI", ".TRG", ".TRN", ".par", ".isl", ".cfg",
    ".CSV", ".CSM", ".ARZ", ".ARM", ".MRG", ".sdi",
)  # fmt: skip


def found(name: str, sources: Iterable[str], inventory: Inventory) -> list[Path]:
    """Return the folders in the volumes that hold files of this kind of server."""
    folders = (each for source in sources for each in _folders(Path(source), _DEEP))
    if name == "redis":
        files = {*_REDIS, *_files_of_redis(inventory.proofs)}
        return [each for each in folders if any((each / file).exists() for file in files)]
    is_one = {"postgres": _is_postgres, "mysql": _is_mysql}[name]
    return [each for each in folders if is_one(each)]


def is_of(name: str, folder: Path, inventory: Inventory, sources: Iterable[str]) -> bool:
    """Whether a folder is proven to be the data folder of the server with this inventory."""
    if name == "postgres":
        return _is_of_postgres(folder, inventory.proofs)
    if name == "mysql":
        return _is_of_mysql(folder, inventory.proofs)
    # A mount point may have any name in the server's container.
    alike = folder.name == Path(inventory.folder).name or str(folder) in set(sources)
    return alike and _is_of_redis(folder, inventory.proofs)


def patterns(name: str, folder: Path, inventory: Inventory) -> list[str]:
    """Return restic patterns of the files in a data folder that its server's dump stands for."""
    path = literal(str(folder))
    if name == "postgres":
        return [f"{path}/{each}" for each in _POSTGRES_FILES]
    if name == "mysql":
        databases = sorted({encoded(each) for each in inventory.databases} - {""})
        names = (literal(each) for each in databases if _is_database(folder / each))
        return [f"{path}/{each}" for each in (*_MYSQL_FILES, *names)]
    return [f"{path}/{literal(each)}" for each in _files_of_redis(inventory.proofs)]


def hidden(folder: Path, inventory: Inventory) -> list[str]:
    """Return the databases in a data folder of MySQL that its dump does not hold."""
    known = {encoded(each) for each in inventory.databases} | {"performance_schema", "sys"}
    return sorted(
        decoded(each.name)
        for each in _inside(folder)
        if each.name not in known and any(_are_tables(each))
    )


def encoded(name: str) -> str:
    """Return the folder of a MySQL database; "" for a name that is no plain one."""
    if name.startswith("#mysql50#"):
        return name.removeprefix("#mysql50#")
    if not name.isascii():
        return ""  # other letters have codes of their own: their folder stays
    return re.sub(r"[^A-Za-z0-9_]", lambda found: f"@{ord(found[0]):04x}", name)


def decoded(name: str) -> str:
    """Return the database of a folder of MySQL."""
    return _ENCODED.sub(lambda code: chr(int(code[1], 16)), name)


def written(folder: Path) -> float:
    """Return when a Redis last wrote one of its files in a folder."""
    files = [folder / each for each in _REDIS if (folder / each).is_file()]
    parts = [*files, *(folder / "appendonlydir").glob("*")]
    return max((each.lstat().st_mtime for each in parts), default=0)


def small(path: Path) -> bytes:
    """Return the beginning of a file; nothing where it is no ordinary file, or cannot be read."""
    try:
        # What an app puts there instead may be a link out of the volume, or a pipe.
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with os.fdopen(number, "rb") as file:
        return file.read(_LONGEST) if stat.S_ISREG(os.fstat(number).st_mode) else b""


def _folders(folder: Path, deep: int) -> Iterator[Path]:
    yield folder
    for each in _inside(folder) if deep else ():
        yield from _folders(each, deep - 1)


def _inside(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(each) for each in entries if each.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _is_database(folder: Path) -> bool:
    """Whether a folder holds tables alone: MariaDB takes any other one for a database, too."""
    return all(_are_tables(folder))


def _are_tables(folder: Path) -> list[bool]:
    """Return of each thing in a folder whether it is a file of a table; False for no folder."""
    try:
        with os.scandir(folder) as entries:
            return [each.name.endswith(_TABLE_FILES) and not each.is_dir() for each in entries]
    except OSError:
        return [False]


def _is_postgres(folder: Path) -> bool:
    return (folder / "PG_VERSION").is_file() and (folder / "global" / "pg_control").is_file()


def _is_mysql(folder: Path) -> bool:
    return (folder / "ibdata1").is_file() and (folder / "mysql").is_dir()


def _is_of_postgres(folder: Path, proofs: Mapping[str, Any]) -> bool:
    files = dict(proofs.get("files") or {})
    if not {"PG_VERSION", "postmaster.pid"} <= files.keys():
        return False
    system = int.from_bytes(small(folder / "global" / "pg_control")[:8], "little")
    if str(system) != proofs.get("system"):
        return False
    return all(_times(folder / name) == tuple(known) for name, known in files.items())


def _times(path: Path) -> tuple[int, ...]:
    try:
        known = path.lstat()
    except OSError:
        return ()
    return (known.st_size, int(known.st_mtime), int(known.st_ctime))


def _is_of_mysql(folder: Path, proofs: Mapping[str, Any]) -> bool:
    if proofs.get("uuid"):
        return str(proofs["uuid"]) == _uuid(folder)
    tables = dict(proofs.get("tables") or {})
    times = {name: _times(folder / "mysql" / f"{name}.frm")[2:] for name in tables}
    return bool(tables) and all((times[each] == (_number(tables[each]),)) for each in tables)


def _uuid(folder: Path) -> str:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(small(folder / "auto.cnf").decode("utf-8", "replace"))
        return parser.get("auto", "server-uuid", fallback="-")
    except ConfigError:
        return "-"


def _is_of_redis(folder: Path, proofs: Mapping[str, Any]) -> bool:
    saved = _number(proofs.get("rdb_last_save_time"))
    if proofs.get("aof_enabled") == "1":
        size = sum(path.lstat().st_size for path in _log(folder, proofs) if path.is_file())
        if 0 < size == _number(proofs.get("aof_current_size")):
            return True
    _, written, renamed = _times(folder / str(proofs.get("dbfilename") or "-")) or (0, 0, 0)
    return abs(renamed - saved) <= _SAME and saved - _WRITTEN <= written <= saved + _SAME


def _log(folder: Path, proofs: Mapping[str, Any]) -> Iterator[Path]:
    """Return the parts of an append-only file: since Redis 7 in a folder of their own."""
    name = str(proofs.get("appendfilename") or "appendonly.aof")
    inside = str(proofs.get("appenddirname") or "")
    if not inside:
        return iter((folder / name,))
    parts = (folder / inside).glob(f"{name}.*") if "*" not in name else iter(())
    return (each for each in parts if not each.name.endswith(".manifest"))


def _files_of_redis(proofs: Mapping[str, Any]) -> list[str]:
    keys = ("dbfilename", "appenddirname", "appendfilename")
    return [str(proofs[key]) for key in keys if proofs.get(key)]


def _number(text: object) -> int:
    try:
        return int(str(text).partition(".")[0])
    except ValueError:
        return -1
