"""Database files in volumes: which ones a complete dump covers, and which ones none does."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from contract.text import listed
from runner.config.model import Config
from runner.databases import inventory
from runner.databases.files import data_folders, neighbours
from runner.databases.inventory import Inventory, Judgement
from runner.process import mounts
from runner.volume.beneath import Folder
from runner.volume.paths import is_below
from runner.volume.workplace import Location

_LOCAL = {"", "127.0.0.1", "localhost", "::1"}
_HOSTS = {"postgres": "PGHOST", "mysql": "MYSQL_HOST", "redis": "REDISCLI_HOST"}
_ONE_ONLY = {"postgres": "PGDATABASE", "mysql": "MYSQL_DATABASE"}
_PORTS = {
    "postgres": ("PGPORT", "5432"), "mysql": ("MYSQL_TCP_PORT", "3306"),
    "redis": ("REDISCLI_PORT", "6379"),
}  # fmt: skip
_TITLES = {"postgres": "PostgreSQL", "mysql": "MariaDB or MySQL", "redis": "Redis"}


def judged(config: Config, name: str, sources: Iterable[str]) -> Judgement:
    """Return what the dump that was just made is worth beside the files in the volumes.

    Only the data folder that is proven to be that of the dumped server gives way to its dump. What
    is on another host is not in our volumes; one database alone stands for no server's files.
    """
    report = _report(config, name)
    if _is_elsewhere(config, name):
        return Judgement(gaps=report.gaps)
    volumes = tuple(sources)
    folders = data_folders.found(name, _opened(config, volumes), report)
    proven = [each for each in folders if data_folders.is_of(name, each, report, volumes)]
    own = _own(name, proven)
    gaps = _named(folders, report) if name == "mysql" else report.gaps
    others = _others(name, folders, own, _port(config, name, report))
    raw = data_folders.patterns(name, own, report) if own and not gaps else ()
    return Judgement(gaps, others, tuple(raw))


def _opened(config: Config, sources: Iterable[str]) -> Iterator[Folder]:
    """Open the folders to back up, except those that lead out of their volume."""
    for source in sources:
        path = Path(source)
        root = mounts.volume_of(config, path) if is_below(source, config.paths.volumes) else None
        with suppress(OSError):
            where = Location(path, root)
            with Folder.at(where.root) as above:
                folder = above.folder(where.inside)
            folder.path = source
            yield folder


def _report(config: Config, name: str) -> Inventory:
    file = Path(config.paths.state) / "tmp" / inventory.file_name(name)
    try:
        return inventory.read(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return inventory.UNKNOWN
    finally:
        with suppress(OSError):
            file.unlink()


def _is_elsewhere(config: Config, name: str) -> bool:
    variables = config.commands.databases
    one = variables.get(_ONE_ONLY.get(name, ""), "").strip()
    return bool(one) or variables.get(_HOSTS[name], "").strip() not in _LOCAL


def _own(name: str, proven: list[Folder]) -> Folder | None:
    """Return the one folder that is proven to be the server's; None if several may be."""
    if name == "mysql" and len(proven) > 1:  # a copy has the same UUID, and nobody uses it
        proven = [each for each in proven if neighbours.uses(name, each, "")]
    return proven[0] if len(proven) == 1 else None


def _named(folders: list[Folder], report: Inventory) -> tuple[str, ...]:
    """Return the gaps, with the names of databases that only their folders show."""
    if not report.gaps:
        return ()
    missing = [
        f"{folder.path} also holds {listed(names)}"
        for folder in folders
        if (names := data_folders.hidden(folder, report))
    ]
    return (*report.gaps, *missing)


def _port(config: Config, name: str, report: Inventory) -> str:
    """Return where the server listens; the Secret may name a proxy before it."""
    key, usual = _PORTS[name]
    named = str(report.proofs.get("port") or config.commands.databases.get(key, "")).strip()
    return named if named.isdigit() else usual


def _others(name: str, folders: list[Folder], own: Folder | None, port: str) -> tuple[str, ...]:
    rest = [each for each in folders if not own or each.path != own.path]
    if name == "redis" and not own and len(rest) < 2:
        return ()  # it may be its own
    used = [each for each in rest if neighbours.uses(name, each, port)]
    if name == "mysql" and not own and len(used) < 2:
        return ()
    return tuple(
        f"another server of {_TITLES[name]} uses {each.path} and is not dumped" for each in used
    )
