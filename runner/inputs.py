"""What the runner reads from its surroundings: environment, Secret files, annotations."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from contract import commands, names, variables
from runner import annotations, config, ownership, reading, rights
from runner.config import Config, Files
from runner.network import AUTHORITIES, Authorities
from runner.store import Store

_OCTAL = re.compile(r"\\([0-7]{3})")  # how blanks are written in a list of mounts
_SHOWN = 200  # characters of a path that cannot be read
# Files that others read by themselves; what stands in them is masked all the same.
_OTHERS_READ = re.compile(r".*_FILE|PGPASSFILE|GOOGLE_APPLICATION_CREDENTIALS")
_NO_SECRET = re.compile(r".*(CERT|CA|KNOWN_HOSTS)_FILE")
_LONGEST_SECRET = 1 << 16  # bytes of such a file


def read_config(*, fills: bool = False, writes: bool = False) -> Config:
    """Return the configuration as it is at this moment.

    ``fills`` and ``writes`` say what the command does to volumes, as `rights` has it.
    """
    state_dir = ownership.home(os.environ.get(names.ENV_STATE_DIR, names.STATE_DIR))
    environment = {**os.environ, names.ENV_STATE_DIR: state_dir}
    file = Path(environment.get(names.ENV_ANNOTATIONS_FILE, names.ANNOTATIONS_FILE))
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        text = ""
    known = Store(Path(state_dir)).load()
    good = known.good if known else {}
    secret, unread = _from_files(reading.of_secret(environment, _secret()))
    given = secret or environment
    beyond = rights.beyond_a_sidecar(environment, fills=fills, writes=writes)
    others = tuple(_read_by_others(given))
    files = Files(unread, others, _authorities(given), _settings(given))
    return config.read(environment, secret, annotations.parse(text), good, files, beyond)


def _authorities(given: Mapping[str, str]) -> Authorities:
    if not any(given.get(key, "").strip() for key in AUTHORITIES):
        return Authorities()
    from runner import authorities  # noqa: PLC0415 -- TLS costs memory, and few have their own

    return authorities.read(given)


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
    for key, value in secret.items():
        name, path = key.removesuffix("_FILE"), value.strip()
        if name == key or name not in variables.IN_FILES or name in secret or not path:
            continue
        try:
            found[name] = Path(path).read_text("utf-8", "surrogateescape").rstrip("\r\n")
        except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
            why = getattr(error, "strerror", None) or "is no path"
            # What is no path may be the secret itself.
            shown = path[:_SHOWN] if path.startswith("/") else "the value, which is not shown"
            unread[key] = f"{shown}: {why}"
        del found[key]
    return found, unread


def _read_by_others(given: Mapping[str, str]) -> list[str]:
    """Return what stands in the files of secrets that restic and others read by themselves."""
    found = []
    for key, value in given.items():
        if not _OTHERS_READ.fullmatch(key) or _NO_SECRET.fullmatch(key):
            continue
        try:
            path = Path(value.strip())
            if path.is_file() and path.stat().st_size <= _LONGEST_SECRET:
                found.append(path.read_text("utf-8", "surrogateescape"))
        except (OSError, ValueError):
            continue  # whoever reads it says so
    return found


def _settings(given: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of files that programs read their settings from, as far as they are read."""
    found = {}
    for key, value in given.items():
        if not commands.FILES.fullmatch(key) or not value.strip():
            continue
        with suppress(OSError, ValueError):
            path = Path(value.strip())
            if path.is_file() and path.stat().st_size <= _LONGEST_SECRET:
                found[key] = path.read_text("utf-8", "surrogateescape")
    return found


def secret_changed() -> float:
    """Return when the Secret's files last changed, in epoch seconds; 0 without files."""
    try:
        return _secret_dir().stat().st_mtime
    except OSError:
        return 0


def mounted(folder: Path) -> list[str]:
    """Return the volumes that are mounted, in a stable order; none where that cannot be read."""
    try:
        return sorted(str(path) for path in folder.iterdir())
    except OSError:
        return []


def folders(config: Config) -> list[str]:
    """Return the folders that a restore fills; where parts of a volume are mounted, those.

    They are what backups read, but for RESTIC_SOURCE, which may be anything.
    """
    if config.sources is not None:
        paths = [f"{config.volumes_dir}/{source}" for source in config.sources]
    else:
        paths = mounted(Path(config.volumes_dir))
    mounts = _mount_points()
    return [part for path in paths for part in _parts(path, mounts)]


def volume_of(config: Config, folder: Path) -> Path:
    """Return where the volume of a folder is mounted: below, every name is the app's."""
    above = Path(config.volumes_dir)
    return above / folder.relative_to(above).parts[0]


def password(config: Config) -> bytes:
    """Return the repository's password; b"" where only a command knows it."""
    given = config.restic.get("RESTIC_PASSWORD", "").encode("utf-8", "surrogateescape")
    file = config.restic.get("RESTIC_PASSWORD_FILE", "")
    if not given and file:
        with suppress(OSError, ValueError):  # restic says so
            given = Path(file).read_bytes()
    return given.strip(b"\r\n")


def parts(path: str) -> list[str]:
    """Return a path; where it is read-only and parts of it are mounted, those.

    So it is with a volume of which a container mounts folders only: the rest is its own.
    """
    try:
        read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        read_only = False
    return _parts(path, _mount_points()) if read_only else [path]


def _parts(path: str, mounts: set[str]) -> list[str]:
    below = sorted(mount for mount in mounts if mount.startswith(f"{path}/"))
    return [path] if path in mounts or not below else below


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
