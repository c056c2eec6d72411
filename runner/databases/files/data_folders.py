"""Finds data folders of database servers in the volumes, and matches them with a known server."""

import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from runner.databases.inventory import Inventory
from runner.restic.commands import literal
from runner.volume.beneath import Folder

_DEEP = 3  # folders below a volume, as in 18/docker/data
_LONGEST = 1 << 16  # bytes of a small file that are read
_SAME = 2  # seconds between a file's time and when its server says that it wrote it
_WRITTEN = 600  # seconds that a disk may take for what Redis has written, before it is renamed
_REDIS = {"dump.rdb", "appendonlydir", "appendonly.aof"}
# What a server writes into its data folder. Other files and its configuration are backed up.
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


def found(name: str, sources: Iterable[Folder], inventory: Inventory) -> list[Folder]:
    """Return the folders in the volumes that hold files of this kind of server."""
    folders = (each for source in sources for each in _folders(source, _DEEP))
    if name == "redis":
        files = {*_REDIS, *_files_of_redis(inventory.proofs)}
        return [each for each in folders if files & set(_names(each))]
    is_one = {"postgres": _is_postgres, "mysql": _is_mysql}[name]
    return [each for each in folders if is_one(each)]


def is_of(name: str, folder: Folder, inventory: Inventory, sources: Iterable[str]) -> bool:
    """Whether a folder is proven to be the data folder of the server with this inventory."""
    if name == "postgres":
        return _is_of_postgres(folder, inventory.proofs)
    if name == "mysql":
        return _is_of_mysql(folder, inventory.proofs)
    # A mount point may have any name in the server's container.
    path = PurePath(folder.path)
    alike = path.name == PurePath(inventory.folder).name or folder.path in set(sources)
    return alike and _is_of_redis(folder, inventory.proofs)


def patterns(name: str, folder: Folder, inventory: Inventory) -> list[str]:
    """Return restic patterns of the files in a data folder that its server's dump stands for."""
    path = literal(folder.path)
    if name == "postgres":
        return [f"{path}/{each}" for each in _POSTGRES_FILES]
    if name == "mysql":
        databases = sorted({encoded(each) for each in inventory.databases} - {""})
        names = (literal(each) for each in databases if _is_database(folder, each))
        return [f"{path}/{each}" for each in (*_MYSQL_FILES, *names)]
    return [f"{path}/{literal(each)}" for each in _files_of_redis(inventory.proofs)]


def hidden(folder: Folder, inventory: Inventory) -> list[str]:
    """Return the databases in a data folder of MySQL that its dump does not hold."""
    known = {encoded(each) for each in inventory.databases} | {"performance_schema", "sys"}
    return sorted(
        decoded(name)
        for name in _inside(folder)
        if name not in known and any(_are_tables(folder, name))
    )


def encoded(name: str) -> str:
    """Return the folder of a MySQL database; "" for a name that is no plain one."""
    if name.startswith("#mysql50#"):
        return _plain(name.removeprefix("#mysql50#"))
    if not name.isascii():
        return ""  # other letters have codes of their own: their folder stays
    return re.sub(r"[^A-Za-z0-9_]", lambda found: f"@{ord(found[0]):04x}", name)


def decoded(name: str) -> str:
    """Return the database of a folder of MySQL."""
    return _ENCODED.sub(lambda code: chr(int(code[1], 16)), name)


def written(folder: Folder) -> float:
    """Return when a Redis last wrote one of its files in a folder."""
    parts = [f"appendonlydir/{name}" for name in _names(folder, "appendonlydir")]
    files = (folder.find(each) for each in (*_REDIS, *parts))
    return max((each.st_mtime for each in files if each and stat.S_ISREG(each.st_mode)), default=0)


def small(folder: Folder, inside: str) -> bytes:
    """Return the beginning of a file; nothing if it is no ordinary file, or cannot be read."""
    try:
        return folder.read(inside, _LONGEST)
    except OSError:
        return b""


def _folders(folder: Folder, deep: int) -> Iterator[Folder]:
    yield folder
    for name in _inside(folder) if deep else ():
        with suppress(OSError):
            yield from _folders(folder.folder(name), deep - 1)


def _inside(folder: Folder) -> list[str]:
    """Return the names of the folders in a folder."""
    return [name for name in _names(folder) if _type(folder, name) == stat.S_IFDIR]


def _names(folder: Folder, inside: str = "") -> list[str]:
    try:
        with folder.folder(inside) as found:
            return found.names()
    except OSError:
        return []


def _type(folder: Folder, inside: str) -> int:
    """Return the type of the file at a path in a folder; 0 if there is none."""
    try:
        return stat.S_IFMT(folder.stat(inside).st_mode)
    except OSError:
        return 0


def _is_database(folder: Folder, name: str) -> bool:
    """Whether a folder contains only tables: MariaDB takes any other folder for a database, too."""
    return all(_are_tables(folder, name))


def _are_tables(folder: Folder, inside: str) -> list[bool]:
    """Return for each entry of a folder whether it is a table's file; False if it is no folder."""
    try:
        with folder.folder(inside) as found:
            return [
                name.endswith(_TABLE_FILES) and _type(found, name) != stat.S_IFDIR
                for name in found.names()
            ]
    except OSError:
        return [False]


def _is_postgres(folder: Folder) -> bool:
    files = ("PG_VERSION", "global/pg_control")
    return all(_type(folder, each) == stat.S_IFREG for each in files)


def _is_mysql(folder: Folder) -> bool:
    types = (_type(folder, "ibdata1"), _type(folder, "mysql"))
    return types == (stat.S_IFREG, stat.S_IFDIR)


def _is_of_postgres(folder: Folder, proofs: Mapping[str, Any]) -> bool:
    files = dict(proofs.get("files") or {})
    if not {"PG_VERSION", "postmaster.pid"} <= files.keys():
        return False
    system = int.from_bytes(small(folder, "global/pg_control")[:8], "little")
    if str(system) != proofs.get("system"):
        return False
    return all(_times(folder, name) == tuple(known) for name, known in files.items())


def _times(folder: Folder, inside: str) -> tuple[int, ...]:
    try:
        known = folder.stat(inside)
    except OSError:
        return ()
    return (known.st_size, int(known.st_mtime), int(known.st_ctime))


def _is_of_mysql(folder: Folder, proofs: Mapping[str, Any]) -> bool:
    if proofs.get("uuid"):
        return str(proofs["uuid"]) == _uuid(folder)
    tables = dict(proofs.get("tables") or {})
    times = {name: _times(folder, f"mysql/{name}.frm")[2:] for name in tables}
    return bool(tables) and all((times[each] == (_number(tables[each]),)) for each in tables)


def _uuid(folder: Folder) -> str:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(small(folder, "auto.cnf").decode("utf-8", "replace"))
        return parser.get("auto", "server-uuid", fallback="-")
    except ConfigError:
        return "-"


def _is_of_redis(folder: Folder, proofs: Mapping[str, Any]) -> bool:
    saved = _number(proofs.get("rdb_last_save_time"))
    if proofs.get("aof_enabled") == "1":
        parts = [folder.find(each) for each in _log(folder, proofs)]
        size = sum(each.st_size for each in parts if each and stat.S_ISREG(each.st_mode))
        if 0 < size == _number(proofs.get("aof_current_size")):
            return True
    file = _plain(proofs.get("dbfilename")) or "-"
    _, written, renamed = _times(folder, file) or (0, 0, 0)
    return abs(renamed - saved) <= _SAME and saved - _WRITTEN <= written <= saved + _SAME


def _log(folder: Folder, proofs: Mapping[str, Any]) -> list[str]:
    """Return the parts of an append-only file, which have a separate folder since Redis 7."""
    name = _plain(proofs.get("appendfilename")) or "appendonly.aof"
    inside = _plain(proofs.get("appenddirname"))
    if not inside:
        return [name]
    return [
        f"{inside}/{each}"
        for each in _names(folder, inside)
        if each.startswith(f"{name}.") and not each.endswith(".manifest")
    ]


def _files_of_redis(proofs: Mapping[str, Any]) -> list[str]:
    keys = ("dbfilename", "appenddirname", "appendfilename")
    return [name for key in keys if (name := _plain(proofs.get(key)))]


def _plain(name: object) -> str:
    """Return the server's name of its file; "" if that leads out of its folder."""
    text = str(name or "")
    return "" if "/" in text or "\0" in text or text in {".", ".."} else text


def _number(text: object) -> int:
    try:
        return int(str(text).partition(".")[0])
    except ValueError:
        return -1
