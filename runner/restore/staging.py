"""A volume during a restore: who restores it, the progress, and the move into place.

Below `.backup-restore`, on the volume itself: `claim.N` is whose the work is, the highest number
counts; `files` is what restic restores; that becomes `whole` immediately when nothing is missing,
is moved into place name by name, never onto anything, and becomes `done`. Whoever comes after a
kill at any moment sees by these names, and by notes beside them, what is left to do. Names that no
sealed note vouches for are an app's own: then the work begins again.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from contract import names
from runner.sandbox import libc
from runner.volume import moving, workplace
from runner.volume.beneath import Folder
from runner.volume.notes import GATHERED, MODES, SNAPSHOT, Notes
from runner.volume.seal import Seal
from runner.volume.workplace import Location

_LAST = (SNAPSHOT, "done", GATHERED)  # to be removed, in this order
_NO_FOLDER = {errno.ELOOP, errno.ENOTDIR, errno.EXDEV}


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing that is an app's, or is not there; a file is not empty."""
    try:
        with Folder.at(folder) as found:
            return workplace.is_empty(found)
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        return False


def needs_work(folder: Path, root: Path | None = None) -> bool:
    """Whether a folder needs a restore, or one was begun; ``root`` is where it is mounted."""
    where = Location(folder, root)
    try:
        with Folder.at(where.root) as above, above.folder(where.inside) as found:
            return found.find(names.STAGING) is not None or workplace.is_empty(found)
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        return False


class Staging:
    """The folder in which one volume's files are gathered; it is open once it is made."""

    folder: Folder
    _there: Folder
    _notes: Notes

    def __init__(self, volume: Path, root: Path | None = None, seal: Seal | None = None) -> None:
        self.volume = volume
        self._where = Location(volume, root)
        self._seal = seal or Seal()
        self._made: list[tuple[Folder, str]] = []

    def make(self) -> None:
        """Make it, and the folders above it, which are as the volume's own; raise OSError."""
        folder = Folder.at(self._where.root)
        for name in filter(None, self._where.inside.split("/")):
            try:
                inner = folder.folder(name)
            except FileNotFoundError:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=folder.descriptor)
                inner = folder.folder(name)
                self._made.append((folder, name))
                moving.dress(inner, folder)
            folder = inner
        self._there, self.folder = folder, workplace.claimed(folder)
        self._notes = Notes(self.folder, self._seal)

    @property
    def files(self) -> str:
        """Where restic restores to: a path through the descriptor, which nobody can exchange."""
        return f"{self.folder.link}/files"

    @property
    def is_gathered(self) -> bool:
        """Whether nothing more is needed of the repository.

        Without a trace of work but claims, the volume itself tells the beginning from the end.
        """
        if self._is_whole("done") or self._is_whole("whole"):
            return True
        left = {name for name in self.folder.names() if not name.startswith("claim.")}
        if left == {GATHERED}:
            return bool(self._notes.gathered)
        return not left and not workplace.is_empty(self._there)

    @property
    def is_doubtful(self) -> bool:
        """Whether there seems to be a complete restore without a note of ours."""
        return self.folder.find("whole") is not None and not self._is_whole("whole")

    def begin(self, snapshot: str) -> None:
        """Continue with this snapshot; remove what was restored from another one."""
        old = [GATHERED, "whole", "done"]
        found = self.folder.find("files")
        if self._notes.snapshot != snapshot or not _is_folder(found):
            old += ["files", MODES]
        for name in old:
            moving.remove(self.folder, name)
        self._notes.snapshot = snapshot
        with suppress(FileExistsError):
            os.mkdir("files", dir_fd=self.folder.descriptor)

    def gathered(self) -> None:
        """Say that all files are there, and on the disk."""
        self._sync()
        self._notes.gathered = self.folder.stat("files").st_ino
        self._rename("files", "whole")

    def put_in_place(self) -> list[str]:
        """Move all files to where they belong; return the paths that others had made meanwhile."""
        theirs: list[str] = []
        if not self._is_whole("whole"):
            return theirs
        inside = f"whole/{self.volume.name}"
        found = self.folder.find(inside)
        if found is not None and stat.S_ISDIR(found.st_mode):
            self._notes.add_mode("", stat.S_IMODE(found.st_mode))
            _let_in(self.folder, inside)
            with self.folder.folder(inside, crosses=False) as root:
                self._merge(root, theirs)
                moving.dress(self._there, root)
            self._modes_again()
        self._sync()
        self._rename("whole", "done")
        return sorted(theirs)

    def remove(self) -> None:
        """Remove the rest of the work, in an order that shows its completion."""
        last = {name: number for number, name in enumerate(_LAST, 1)}
        for name in sorted(self.folder.names(), key=lambda name: last.get(name, 0)):
            moving.remove(self.folder, name)
        with suppress(OSError):  # another pod may look at it already
            os.rmdir(names.STAGING, dir_fd=self._there.descriptor)

    def unmake(self) -> None:
        """Remove the folders that were made for nothing."""
        for folder, name in reversed(self._made):
            with suppress(OSError):
                os.rmdir(name, dir_fd=folder.descriptor)

    def _is_whole(self, name: str) -> bool:
        found = self.folder.find(name)
        return found is not None and _is_folder(found) and found.st_ino == self._notes.gathered

    def _merge(self, root: Folder, theirs: list[str]) -> None:
        left = [""]
        while left:
            inside = left.pop()
            if inside:
                _let_in(root, inside)
            with root.folder(inside, crosses=False) as source:
                try:
                    target = self._there.folder(inside, crosses=False)
                except OSError as error:
                    if error.errno not in _NO_FOLDER:
                        raise
                    theirs.append(str(self.volume / inside))  # it was a folder a moment ago
                    continue
                with target:
                    left += self._move_all(source, target, inside, theirs)

    def _move_all(
        self, source: Folder, target: Folder, inside: str, theirs: list[str]
    ) -> list[str]:
        """Move the entries of a folder; return the folders that both have, to merge next."""
        folders = []
        for name in source.names():
            path = f"{inside}/{name}" if inside else name
            if path == names.STAGING:
                continue
            try:
                self._move(source, target, name, path)
            except FileExistsError:
                ours, other = source.stat(name), target.stat(name)
                if _is_folder(ours) and _is_folder(other):
                    folders.append(path)
                elif not os.path.samestat(ours, other):
                    theirs.append(str(self.volume / path))
        return folders

    def _move(self, source: Folder, target: Folder, name: str, path: str) -> None:
        try:
            moving.rename(source, target, name)
        except PermissionError:
            found = source.stat(name)
            mode = stat.S_IMODE(found.st_mode)
            if not _is_folder(found) or mode & stat.S_IWUSR:
                raise
            # A folder that goes elsewhere is written to, which not only root must be allowed.
            self._notes.add_mode(path, mode)
            with source.passage(name, crosses=False) as folder:
                moving.chmod(folder, mode | stat.S_IWUSR)
            moving.rename(source, target, name)

    def _modes_again(self) -> None:
        """Restore the modes of folders; the first note counts, later ones may have our own mode."""
        for path, mode in self._notes.modes():
            with suppress(OSError), self._there.passage(path, crosses=False) as folder:
                moving.chmod(folder, mode)

    def _rename(self, name: str, new: str) -> None:
        here = self.folder.descriptor
        os.rename(name, new, src_dir_fd=here, dst_dir_fd=here)

    def _sync(self) -> None:
        """Sync everything written so far to disk: an app must not start with less."""
        if libc.libc().syncfs(self._there.descriptor):
            raise libc.error(str(self.volume))


def _is_folder(found: os.stat_result | None) -> bool:
    return found is not None and stat.S_ISDIR(found.st_mode)


def _let_in(folder: Folder, inside: str) -> None:
    with folder.passage(inside, crosses=False) as closed:
        moving.let_in(closed)
