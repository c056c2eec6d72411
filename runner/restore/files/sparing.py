"""What a deletion keeps: all files that the snapshot could not have had.

It is in no backup. Some of it is told by options: those of the snapshot's own backup, as far as
restic keeps them, and today's. Of the rest (other options, files that could not be read by that
backup) the file system tells: what was there when the backup began, and is not in it, was left out
of it.
"""

import os
import stat
from contextlib import suppress

from contract.snapshots import Snapshot
from runner.config.model import Config
from runner.process import excludes
from runner.restic import left_out
from runner.restic.left_out import Options
from runner.restic.patterns import Patterns
from runner.restore.files import nodes
from runner.restore.files.survey import Survey
from runner.state.model import State
from runner.steps.sources import NEVER_BACKED_UP
from runner.volume import birth
from runner.volume.beneath import Folder, is_mount


class Sparing:
    """Says of each file that a snapshot does not have why it stays, "" where it goes."""

    def __init__(self, config: Config, state: State, snapshot: Snapshot, survey: Survey) -> None:
        """Raise ValueError where today's options is unknown."""
        today = _today(config)
        self._today = today
        self._patterns = today.matchers()
        self._then = Patterns(snapshot.excludes)
        self._survey = survey
        self._began = nodes.moment(snapshot.began) or 0
        self._unread: set[str] = set()
        if state.runs.last and snapshot.id.startswith(state.runs.last.snapshot or "-"):
            self._unread = set(state.runs.last.unreadable)
        # Elsewhere, what is older has nothing to do with what was backed up.
        self._in_place = survey.place.target == survey.place.inside
        self._folders: dict[str, str] = {}  # the last one that was requested
        self._devices: dict[str, int] = {}

    def why(self, path: str, folder: Folder, found: os.stat_result) -> str:
        """Return why a path of the snapshot's, which it does not have, stays.

        ``folder``: the open one that it is in.
        """
        name = self._survey.place.below(path).rpartition("/")[2]
        largest, is_folder = self._today.largest, stat.S_ISDIR(found.st_mode)
        if path.rpartition("/")[2] in NEVER_BACKED_UP:
            why = "is never backed up"
        elif self._is_left_out(path):
            why = "is excluded from backups"
        elif stat.S_ISSOCK(found.st_mode):
            why = "is a socket"
        elif found.st_dev != _device_of(folder) or is_mount(folder, name):
            why = "is on another file system"
        elif largest is not None and not is_folder and found.st_size > largest:
            why = "is larger than backups take"
        elif path in self._unread:
            why = "could not be read by that backup"
        elif self._is_older(path, folder, name, found):
            why = "existed then and was not backed up"
        else:
            why = self._of_folder(path, folder)
        return why

    def _is_left_out(self, path: str) -> bool:
        return self._then.match(path) or any(each.match(path) for each in self._patterns)

    def _is_older(self, path: str, folder: Folder, name: str, found: os.stat_result) -> bool:
        before = birth.existed(folder.descriptor, name, found, self._began)
        if not self._in_place or not before:
            return False
        if found.st_dev != self._device(path):
            return True
        # It was in the snapshot under another name where that has its inode.
        return found.st_ino not in self._survey.inodes.get(self._survey.volume(path), ())

    def _of_folder(self, path: str, here: Folder) -> str:
        """Return why everything in a folder stays except for files of the snapshot."""
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders = {folder: self._about(folder, here)}
        tags = {tag for tag, _ in self._today.present}
        return "" if name in tags else self._folders[folder]

    def _about(self, folder: str, here: Folder) -> str:
        device = _device_of(here)
        if any(_has(here, tag, beginning.encode()) for tag, beginning in self._today.present):
            return "is in an excluded folder"
        only = self._survey.bare.get(folder)
        if only is None:
            return ""
        if left_out.is_cache_tag(only) and _has(here, only, left_out.CACHE_TAG):
            return "is in a cache"
        if not only and device != self._device(folder):
            return "is on another file system"
        for name in self._survey.extra.get(folder, ()):
            path = f"{folder}/{name}"
            with suppress(OSError):
                found = here.stat(name)
                old = found.st_dev == device and self._is_older(path, here, name, found)
                if old and not self._is_left_out(path) and name not in NEVER_BACKED_UP:
                    return "is in a folder that was excluded"
        return ""

    def _device(self, path: str) -> int:
        """Return the device of the volume that contains a path of the snapshot."""
        volume, place = self._survey.volume(path), self._survey.place
        if volume not in self._devices:
            found = place.lstat(f"{place.inside}/{volume}")
            self._devices[volume] = found.st_dev if found else 0
        return self._devices[volume]


def _today(config: Config) -> Options:
    """Return the excludes of current backups; raise ValueError if they are unknown."""
    try:
        return excludes.today(config)
    except ValueError as error:
        raise ValueError(f"{error}: --delete cannot determine what backups exclude") from None


def _device_of(folder: Folder) -> int:
    return os.fstat(folder.descriptor).st_dev


def _has(folder: Folder, name: str, beginning: bytes) -> bool:
    """Whether a file exists and has this start, as restic reads it.

    restic follows a link, which may lead out of the volume: its target is never deleted.
    """
    try:
        found = folder.stat(name)
        if not beginning or stat.S_ISLNK(found.st_mode):
            return True
        return folder.read(name, len(beginning)) == beginning
    except OSError:
        return False
