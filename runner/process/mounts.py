"""Which volumes are mounted where."""

import os
import re
from pathlib import Path

from runner.config.model import Config

_OCTAL = re.compile(r"\\([0-7]{3})")  # how spaces are written in a list of mounts


def mounted(folder: Path) -> list[str]:
    """Return the volumes that are mounted, in a stable order; none if that cannot be read."""
    try:
        return sorted(str(path) for path in folder.iterdir())
    except OSError:
        return []


def folders(config: Config) -> list[str]:
    """Return the folders that a restore fills; where parts of a volume are mounted, those.

    They are what backups read, but for RESTIC_SOURCE, which may be anything.
    """
    if config.paths.sources is not None:
        paths = [f"{config.paths.volumes}/{source}" for source in config.paths.sources]
    else:
        paths = mounted(Path(config.paths.volumes))
    mounts = _mount_points()
    return [part for path in paths for part in _parts(path, mounts)]


def volume_of(config: Config, folder: Path) -> Path:
    """Return where the volume of a folder is mounted: below, every name is the app's."""
    above = Path(config.paths.volumes)
    return above / folder.relative_to(above).parts[0]


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
