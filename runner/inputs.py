"""What the runner reads from its surroundings: environment, Secret files, annotations, sources."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from contract import names
from runner import annotations, config, ownership
from runner.config import Config
from runner.judge import Source
from runner.steps import NEVER_BACKED_UP
from runner.store import Store

_OCTAL = re.compile(r"\\([0-7]{3})")  # how blanks are written in a list of mounts
_SHOWN = 200  # characters of a path that cannot be read
# Files that restic, or what it talks to its repository with, reads by itself.
_READS_ITSELF = re.compile(
    r"(COPY_)?(RESTIC_.*|AWS_(SHARED_CREDENTIALS|CONFIG|WEB_IDENTITY_TOKEN)"
    r"|AZURE_FEDERATED_TOKEN|SSL_CERT)_FILE"
)


def read_config() -> Config:
    """Return the configuration as it is at this moment."""
    state_dir = ownership.home(os.environ.get(names.ENV_STATE_DIR, names.STATE_DIR))
    environment = {**os.environ, names.ENV_STATE_DIR: state_dir}
    file = Path(environment.get(names.ENV_ANNOTATIONS_FILE, names.ANNOTATIONS_FILE))
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        text = ""
    known = Store(Path(state_dir)).load()
    good = known.good if known else {}
    secret, unread = _from_files(_secret())
    return config.read(environment, secret, annotations.parse(text), good, unread)


def _secret_dir() -> Path:
    return Path(os.environ.get(names.ENV_SECRET_DIR, names.SECRET_DIR))


def _secret() -> Mapping[str, str]:
    """Return the Secret's files by name; the kubelet's own entries start with dots."""
    try:
        files = [path for path in _secret_dir().iterdir() if not path.name.startswith(".")]
        return {
            path.name: path.read_bytes().decode("utf-8", "surrogateescape")
            for path in sorted(files)
            if path.is_file()
        }
    except OSError:
        return {}


def _from_files(secret: Mapping[str, str]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the Secret with ``X`` from the file that ``X_FILE`` names, and what cannot be read."""
    found, unread = dict(secret), {}
    for key, path in secret.items():
        name = key.removesuffix("_FILE")
        if name == key or name in secret or _READS_ITSELF.fullmatch(key) or not path.strip():
            continue
        try:
            found[name] = Path(path.strip()).read_text("utf-8", "surrogateescape").strip()
        except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
            why = getattr(error, "strerror", None) or "is no path"
            unread[key] = f"{path.strip()[:_SHOWN]}: {why}"
        del found[key]
    return found, unread


def secret_changed() -> float:
    """Return when the Secret's files last changed, in epoch seconds; 0 without files."""
    try:
        return _secret_dir().stat().st_mtime
    except OSError:
        return 0


def sources(config: Config) -> tuple[dict[str, Source], list[str]]:
    """Return each folder to back up and what it looks like, and warnings.

    They are what backup.volumes named, else RESTIC_SOURCE (of a mirror: BUP_SRC), else all mounted
    volumes. Where nothing of RESTIC_SOURCE is there, the volumes are backed up beside it: the run
    fails and loses nothing.
    """
    mounted = _mounted(Path(config.volumes_dir))
    warnings: list[str] = []
    if config.sources is not None:
        paths = [f"{config.volumes_dir}/{source}" for source in config.sources]
    elif config.legacy_sources is not None and config.legacy_sources != (config.volumes_dir,):
        paths = list(config.legacy_sources)
        left = [volume for volume in mounted if not any(_overlap(volume, path) for path in paths)]
        key = "BUP_SRC" if config.mirrors else "RESTIC_SOURCE"
        if mounted and all(_look(path) == Source.MISSING for path in paths):
            named = ", ".join(paths)
            warnings.append(f"{key} {named} is not there; all volumes are backed up")
            paths += mounted
        elif left:
            warnings.append(f"{key} leaves out {', '.join(left)}")
    else:
        paths = mounted
    return {path: _look(path) for path in paths}, warnings


def _mounted(folder: Path) -> list[str]:
    try:
        return sorted(str(path) for path in folder.iterdir())
    except OSError:
        return []


def _overlap(volume: str, source: str) -> bool:
    volume, source = volume.rstrip("/") + "/", source.rstrip("/") + "/"
    return source.startswith(volume) or volume.startswith(source)


def _look(path: str) -> Source:
    try:
        with os.scandir(path) as entries:
            full = any(entry.name not in NEVER_BACKED_UP for entry in entries)
            return Source.FULL if full else Source.EMPTY
    except NotADirectoryError:
        return Source.FULL
    except FileNotFoundError:
        return Source.MISSING
    except OSError:
        return Source.UNREADABLE


def folders(config: Config) -> list[str]:
    """Return the folders that a restore fills; where parts of a volume are mounted, those.

    They are what backups read, but for RESTIC_SOURCE, which may be anything.
    """
    if config.sources is not None:
        paths = [f"{config.volumes_dir}/{source}" for source in config.sources]
    else:
        paths = _mounted(Path(config.volumes_dir))
    mounts = _mount_points()
    found = []
    for path in paths:
        below = sorted(mount for mount in mounts if mount.startswith(f"{path}/"))
        found += [path] if path in mounts or not below else below
    return found


def _mount_points() -> set[str]:
    """Return where anything is mounted here."""
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return set()
    return {_OCTAL.sub(lambda found: chr(int(found[1], 8)), line.split()[4]) for line in lines}


def files(path: str) -> int:
    """Return how many files there are below a folder, as far as it can be read."""
    return sum(len(names) for _, _, names in os.walk(path))


def names_in(folder: str) -> list[str]:
    """Return what is in a folder; nothing where it cannot be read."""
    try:
        return sorted(path.name for path in Path(folder).iterdir())
    except OSError:
        return []


def written(folder: str) -> dict[str, float]:
    """Return when each file in a folder was written, in epoch seconds; none if it is unreadable."""
    try:
        return {path.name: path.stat().st_mtime for path in Path(folder).iterdir()}
    except OSError:
        return {}
