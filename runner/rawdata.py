"""Files of a database in the volumes that a dump of the whole server stands for."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from contract.values import Dump
from runner.config import Config
from runner.steps import literal

_DEEP = 3  # folders below a volume, as in 18/docker/data
_LOCAL = {"", "127.0.0.1", "localhost", "::1"}
_REDIS = ("dump.rdb", "appendonlydir", "appendonly.aof")
_HOSTS = {"postgres": "PGHOST", "mysql": "MYSQL_HOST", "redis": "REDISCLI_HOST"}
_ONE_ONLY = {"postgres": "PGDATABASE", "mysql": "MYSQL_DATABASE"}


def found(config: Config, sources: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return restic patterns of what each dump stands for, by its name.

    What is on another host is not in our volumes; what holds more than the one database that is
    dumped stays.
    """
    folders = {dump.name: _kept(config, dump) for dump in config.dumps}
    patterns: dict[str, list[str]] = {name: [] for name, kept in folders.items() if not kept}
    for source in sources if patterns else ():
        for folder in _folders(Path(source), _DEEP):
            for name in patterns:
                patterns[name] += _patterns(name, folder)
    return {name: tuple(made) for name, made in patterns.items() if made}


def _kept(config: Config, dump: Dump) -> bool:
    if dump.name not in _HOSTS:
        return True
    variables = config.restic
    one = variables.get(_ONE_ONLY.get(dump.name, ""), "").strip()
    return bool(one) or variables.get(_HOSTS[dump.name], "").strip() not in _LOCAL


def _folders(folder: Path, deep: int) -> Iterator[Path]:
    yield folder
    try:
        inside = [
            Path(entry) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)
        ]
    except OSError:
        return
    for each in sorted(inside) if deep else ():
        yield from _folders(each, deep - 1)


def _patterns(name: str, folder: Path) -> Iterator[str]:
    path = literal(str(folder))
    if name == "redis":
        yield from (f"{path}/{each}" for each in _REDIS if (folder / each).exists())
    elif name == "postgres" and _is_postgres(folder):
        yield from (f"{path}/*", f"!{path}/*.conf")
    elif name == "mysql" and (folder / "ibdata1").is_file() and (folder / "mysql").is_dir():
        yield from (f"{path}/*", f"!{path}/*.cnf")


def _is_postgres(folder: Path) -> bool:
    # One that no server uses may be an older one, of which there is no dump.
    files = ("PG_VERSION", "global/pg_control", "postmaster.pid")
    return all((folder / file).is_file() for file in files)
