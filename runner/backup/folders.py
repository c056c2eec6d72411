"""The folders to back up, their state, and the paths that restic gets for each.

A source that is a link is followed. restic stores such a link as a link, so it gets the content of
the folder instead, under the link's own path: `/backup/data/current/app.py`. When the link moves on
to the next release, the paths in snapshots, retention, the parent and a restore stay the same. A
restore creates a folder in place of the link.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from runner.config.model import Config
from runner.process import mounts
from runner.steps.evaluate import Source
from runner.steps.sources import NEVER_BACKED_UP
from runner.volume import links

_MOST_LOOKED_AT = 50_000  # entries after which a folder counts as not empty
_MOST_INSIDE = 5_000  # entries of a folder behind a link: each snapshot lists them as its paths


@dataclass(slots=True)
class Found:
    """The sources and their state; ``warnings`` are for the log.

    ``refused`` says why a source cannot be read, ``inside`` what restic gets instead of one that
    is a link, and ``real`` where that link leads.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    inside: dict[str, tuple[str, ...]] = field(default_factory=dict)
    real: dict[str, str] = field(default_factory=dict)

    @property
    def readable(self) -> list[str]:
        """The sources that may be opened; the others do not exist or lead out of their volume."""
        unread = {Source.MISSING, Source.REFUSED}
        return [path for path, state in self.sources.items() if state not in unread]


def find(config: Config) -> Found:
    """Return the folders to back up and their state.

    They come from backup.volumes, else RESTIC_SOURCE (mirror: BUP_SRC), else all mounted volumes.
    If nothing of RESTIC_SOURCE exists, the volumes are backed up too: the run fails, but loses
    nothing.
    """
    volumes, legacy = config.paths.volumes, config.paths.legacy_sources
    mounted = mounts.mounted(Path(volumes))
    found = Found()
    if config.paths.sources is not None:
        paths = [f"{volumes}/{source}" for source in config.paths.sources]
    elif legacy is not None and legacy != (volumes,):
        paths = list(legacy)
        left = [volume for volume in mounted if not any(_overlap(volume, path) for path in paths)]
        key = "BUP_SRC" if config.mirrors else "RESTIC_SOURCE"
        for path in paths:
            _add(found, config, path)
        unread = set(paths) - set(found.readable)
        if mounted and unread == set(paths):
            named = ", ".join(paths)
            found.warnings.append(f"{key} {named} does not exist; all volumes are backed up")
            paths += mounted
        elif left:
            found.warnings.append(f"{key} leaves out {', '.join(left)}")
    else:
        paths = mounted
    for path in paths:
        if path not in found.sources:
            _add(found, config, path)
    return found


def _overlap(volume: str, source: str) -> bool:
    volume, source = volume.rstrip("/") + "/", source.rstrip("/") + "/"
    return source.startswith(volume) or volume.startswith(source)


def _add(found: Found, config: Config, path: str) -> None:
    """Inspect a source and record its state."""
    try:
        followed = links.beneath(root(config, path), path)
        state = _look(followed.path)
        if followed.linked:
            found.real[path] = followed.path
            found.inside[path] = _inside(path, followed.path)
    except links.LinkError as error:
        found.refused[path] = str(error)
        state = Source.REFUSED
    except FileNotFoundError:
        state = Source.MISSING
    except OSError:
        state = Source.UNREADABLE
    found.sources[path] = state


def root(config: Config, path: str) -> str:
    """Return the folder that links in a path must not leave: its volume; "" means no limit."""
    folder = config.paths.volumes.rstrip("/")
    inside = path.removeprefix(f"{folder}/").strip("/")
    if not path.startswith(f"{folder}/") or not inside:
        return ""  # of the Secret's own choosing, not the app's
    return f"{folder}/{inside.partition('/')[0]}"


def _inside(path: str, real: str) -> tuple[str, ...]:
    if not os.path.isdir(real):  # noqa: PTH112 -- a Path would drop nothing, and costs more
        raise links.LinkError(f"is a link to the file {real}; name the file itself")
    names = sorted(set(os.listdir(real)) - set(NEVER_BACKED_UP))  # noqa: PTH208 -- names alone
    if len(names) > _MOST_INSIDE:
        why = f"which has more than {_MOST_INSIDE} entries; name the folder itself"
        raise links.LinkError(f"is a link to {real}, {why}")
    return tuple(f"{path.rstrip('/')}/{name}" for name in names)


def _look(path: str) -> Source:
    """Return whether a folder has a file at any depth; folders alone do not count."""
    mode = os.lstat(path).st_mode
    if stat.S_ISREG(mode):
        return Source.FULL
    if not stat.S_ISDIR(mode):
        raise links.LinkError("is neither a folder nor a file")
    left, looked, unread = [path], 0, False
    while left:
        folder = left.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    looked += 1
                    if entry.name in NEVER_BACKED_UP:
                        continue
                    if entry.is_file(follow_symlinks=False) or looked > _MOST_LOOKED_AT:
                        return Source.FULL
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
        except OSError:
            if folder == path:
                return Source.UNREADABLE
            unread = True
    return Source.FULL if unread else Source.EMPTY  # restic names what it cannot read
