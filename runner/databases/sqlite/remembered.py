"""What was found in volumes, from one run to the next: a file in the state folder.

It only saves time. If it is damaged, or another user's, everything is looked at again.
"""

import json
import os
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "sqlite.json"
_FOLDERS = 20_000  # that are remembered, of which 1,000 take 100 KB
_LARGEST = 16 << 20  # bytes
_RECENT = 2.0  # seconds
_LASTS = 86_400.0  # seconds until all folders are read again: a file may become a database in place

Version = tuple[int, int, int, int, int]
"""Device, inode, size, and the times of a file's content and status in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The names in a folder: folders, databases, and files that are named as databases are."""

    stamp: tuple[int, ...]
    folders: tuple[str, ...]
    databases: tuple[str, ...]
    likely: tuple[str, ...]


@dataclass(slots=True)
class Remembered:
    """Folders by path, and the versions of databases that were copied or at rest, by path."""

    since: float = field(default_factory=time.time)
    folders: dict[str, Folder] = field(default_factory=dict)
    files: dict[str, Version] = field(default_factory=dict)
    changed: bool = False

    def remember(self, path: str, folder: Folder) -> None:
        """Take note of a folder, if there is room."""
        if path in self.folders or len(self.folders) < _FOLDERS:
            self.folders[path] = folder
            self.changed = True

    def keep(self, paths: Collection[str]) -> None:
        """Forget all other folders."""
        gone = self.folders.keys() - set(paths)
        for path in gone:
            del self.folders[path]
        self.changed = self.changed or bool(gone)

    def settle(self, files: Mapping[str, Version]) -> None:
        """Let these be the versions of databases."""
        self.changed = self.changed or files != self.files
        self.files = dict(files)


def is_old(version: Version, now: float) -> bool:
    """Whether any later write gives a file another version: its time stamp is coarse."""
    return now - max(version[3:]) / 1e9 > _RECENT


def load(state: str, now: float) -> Remembered:
    """Return what is remembered in a state folder; nothing if it is old or cannot be read."""
    try:
        path = Path(state, FILE)
        if path.stat().st_size > _LARGEST:
            return Remembered(now)
        found = json.loads(path.read_bytes())
        since = float(found["since"])
        files = {str(path): _version(each) for path, each in found["files"].items()}
        if not now - _LASTS < since <= now:
            return Remembered(now, files=files)
        folders = {str(path): _folder(each) for path, each in found["folders"].items()}
        return Remembered(since, folders, files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Remembered(now)


def save(state: str, remembered: Remembered) -> None:
    """Write it if anything has changed; where that fails, the next run takes longer."""
    if not remembered.changed:
        return
    folders = {
        path: [each.stamp, each.folders, each.databases, each.likely]
        for path, each in remembered.folders.items()
    }
    text = json.dumps({"since": remembered.since, "folders": folders, "files": remembered.files})
    part = Path(state, f"{FILE}.part")
    with suppress(OSError):
        part.unlink(missing_ok=True)  # another user's
        part.write_text(text, "ascii")
        os.replace(part, Path(state, FILE))  # noqa: PTH105 -- replaces what another user left


def _folder(found: Any) -> Folder:  # noqa: ANN401 -- any JSON value
    stamp, folders, databases, likely = found
    return Folder(
        tuple(map(int, stamp)), tuple(map(str, folders)), tuple(map(str, databases)),
        tuple(map(str, likely)),
    )  # fmt: skip


def _version(found: Any) -> Version:  # noqa: ANN401 -- any JSON value
    device, inode, size, content, status = map(int, found)
    return device, inode, size, content, status
