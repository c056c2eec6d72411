"""Builds the environment of a command, without the container's own variables."""

import os
from collections.abc import Mapping
from pathlib import Path

from runner.config import confined
from runner.config.model import Config
from runner.config.network import sftp
from runner.config.network.routes import Network
from runner.process import cgroup
from runner.process.environment import cache, handed_files
from runner.process.folders import ownership
from runner.process.log import Log

CACHE = "RESTIC_CACHE_DIR"


def of(
    config: Config, target: str | None, log: Log, *, hurry: bool = False, databases: bool = False
) -> dict[str, str]:
    """Return the environment for a repository; without the Secret where ``target`` is None.

    ``databases``: with what their clients need.
    """
    state = config.paths.state
    own = str(ownership.cache(state))
    made = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": confined.HOME if config.commands.confined.why else state,
        "TMPDIR": str(ownership.scratch(state)),
        CACHE: own,
        "RESTIC_PROGRESS_FPS": "0.2",
        "BACKUP_HOST": config.identity.host,
        "BACKUP_NAMESPACE": config.identity.namespace,
        **cgroup.go_runtime(hurry=hurry),
        **(config.commands.databases if databases and target is not None else {}),
        **({} if target is None else _secret(config, target)),
    }
    if target is not None:
        made |= handed_files.files(config.commands.confined.files, made)
        made |= to_reach(config.network, made, log)
    if not _can_hold_files(made[CACHE]):  # such as one of another container's
        made[CACHE] = own
    return made


def _secret(config: Config, target: str) -> Mapping[str, str]:
    second = config.repository.second
    if not target or second is None:
        return config.repository.environment
    return second.both if target == "both" else second.alone


def without_cache(argv: tuple[str, ...], made: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words of a command of restic's for an environment, the cache left out if needed.

    A pipe's words for restic follow its name.
    """
    folder = made[CACHE]
    if not _is_restic(argv) or "--no-cache" in argv or cache.usable(folder):
        return argv
    place = 1 if argv[0] == "restic" else argv.index("dump") + 1
    return (*argv[:place], "--no-cache", *argv[place:])


def _is_restic(argv: tuple[str, ...]) -> bool:
    piped = argv[:1] == ("bash",) and any(word.startswith("restic ") for word in argv)
    return argv[:1] == ("restic",) or piped


def _can_hold_files(folder: str) -> bool:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def to_reach(network: Network, given: Mapping[str, str], log: Log) -> dict[str, str]:
    """Return what restic and rclone need beside ``given``, their variables, to reach a repository.

    Files that cannot be written are a warning: what needs them then fails, and nobody is believed.
    """
    found: dict[str, str] = {}
    if network.is_own:
        from runner.process.environment import authorities  # noqa: PLC0415 -- TLS costs memory, and few need it

        found |= authorities.environment(network, given, log)
    try:
        for key, text in sftp.texts(given).items():
            found[key] = handed_files.over(given["TMPDIR"], "known_hosts", text.encode())
    except OSError as error:
        log.line("warning", f"known hosts are not used: {error.filename}: {error.strerror}")
    return found
