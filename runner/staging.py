"""A volume that is being restored: who does it, how far it is, and the move into place.

Below `.backup-restore`, on the volume itself: `claim.N` is whose the work is, the highest number
counts; `files` is what restic restores; that becomes `whole` at once when nothing is missing, is
moved into place name by name, never onto anything, and becomes `done`. Whoever comes after a kill
at any moment sees by these names what is left to do.
"""

import ctypes
import errno
import json
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from contract import names
from runner.steps import NEVER_BACKED_UP

_AT_FDCWD = -100
_NO_REPLACE = 1  # RENAME_NOREPLACE
_UNKNOWN = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}  # to a file system, or to the kernel
_C = ctypes.CDLL(None, use_errno=True)


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing that is an app's, or is not there; a file is not empty."""
    try:
        with os.scandir(folder) as entries:
            return all(entry.name in NEVER_BACKED_UP for entry in entries)
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        return False


def needs_work(folder: Path) -> bool:
    """Whether a folder is to be filled, or somebody began to."""
    return os.path.lexists(folder / names.STAGING) or is_empty(folder)


class Staging:
    """The folder in which one volume's files are gathered."""

    def __init__(self, volume: Path) -> None:
        self.volume = volume
        self.folder = volume / names.STAGING
        self.files = self.folder / "files"
        self._whole = self.folder / "whole"
        self._done = self.folder / "done"
        self._snapshot = self.folder / "snapshot"
        self._modes = self.folder / "modes"
        self._made: list[Path] = []

    def make(self) -> None:
        """Make it, and the folders above it, which are as the volume's own."""
        missing = [path for path in (self.volume, *self.volume.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            self._made.append(path)
            _like(path.parent, path)
        self.folder.mkdir(mode=0o700, exist_ok=True)

    @property
    def is_gathered(self) -> bool:
        """Whether nothing more is needed of the repository.

        Without a trace of work but claims, the volume itself tells the beginning from the end.
        """
        if self._done.exists() or self._whole.exists():
            return True
        return not self._snapshot.exists() and not is_empty(self.volume)

    def begin(self, snapshot: str) -> None:
        """Go on with this snapshot; what was restored of another one goes."""
        try:
            begun = self._snapshot.read_text("utf-8")
        except FileNotFoundError:
            begun = ""
        if begun != snapshot:
            _remove(self.files)
            part = self.folder / "snapshot.part"
            part.write_text(snapshot, "utf-8")
            part.replace(self._snapshot)
        self.files.mkdir(exist_ok=True)

    def gathered(self) -> None:
        """Say that all files are there, and on the disk."""
        self._sync()
        self.files.rename(self._whole)

    def put_in_place(self) -> list[str]:
        """Move all files to where they belong; return the paths that others had made meanwhile."""
        theirs: list[str] = []
        root = self._whole / self.volume.name
        if root.is_dir():
            self._remember_mode(self.volume, root)
            self._merge(root, self.volume, theirs)
            _like(root, self.volume)
            self._modes_again()
        if self._whole.exists():
            self._sync()
            self._whole.rename(self._done)
        return theirs

    def remove(self) -> None:
        """Remove what is left of the work, in such an order that its end can be told."""
        for path in sorted(self.folder.iterdir(), key=lambda path: path == self._done):
            if path.is_dir():
                _remove(path)
            else:
                path.unlink(missing_ok=True)
        with suppress(OSError):  # another pod may look at it already
            self.folder.rmdir()

    def unmake(self) -> None:
        """Remove the folders that were made for nothing."""
        for path in reversed(self._made):
            with suppress(OSError):
                path.rmdir()

    def _merge(self, source: Path, target: Path, theirs: list[str]) -> None:
        _let_in(source)
        for name in sorted(os.listdir(source)):  # noqa: PTH208 -- names, to be joined twice
            if source.parent == self._whole and name == names.STAGING:
                continue
            here, there = source / name, target / name
            try:
                self._move(here, there)
            except FileExistsError:
                if _is_folder(here) and _is_folder(there):
                    self._merge(here, there, theirs)
                elif not os.path.samestat(here.lstat(), there.lstat()):
                    theirs.append(str(there))

    def _move(self, here: Path, there: Path) -> None:
        try:
            _rename(here, there)
        except PermissionError:
            mode = stat.S_IMODE(here.lstat().st_mode)
            if not _is_folder(here) or mode & stat.S_IWUSR:
                raise
            # A folder that goes elsewhere is written to, which not only root must be allowed.
            self._remember_mode(there, here)
            here.chmod(mode | stat.S_IWUSR)
            _rename(here, there)

    def _remember_mode(self, there: Path, here: Path) -> None:
        """Note which mode a folder has, before it gets one with which it can be moved."""
        mode = stat.S_IMODE(here.lstat().st_mode)
        with self._modes.open("a", encoding="utf-8") as file:
            file.write(json.dumps([os.fsencode(there).decode("latin-1"), mode]) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _modes_again(self) -> None:
        with suppress(FileNotFoundError):
            noted = self._modes.read_text("utf-8").splitlines()
            for line in reversed(noted):  # the first note counts: later ones may be of our own mode
                path, mode = json.loads(line)
                with suppress(FileNotFoundError, PermissionError):
                    os.chmod(path.encode("latin-1"), mode)  # noqa: PTH101 -- bytes, any name

    def _sync(self) -> None:
        """Have all that was written so far on the disk: an app must not start on less."""
        descriptor = os.open(self.volume, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if _C.syncfs(descriptor):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), str(self.volume))
        finally:
            os.close(descriptor)


def _rename(here: Path, there: Path) -> None:
    """Rename, and never onto anything; raise FileExistsError."""
    ours, theirs = os.fsencode(here), os.fsencode(there)
    if not _C.renameat2(_AT_FDCWD, ours, _AT_FDCWD, theirs, _NO_REPLACE):
        return
    number = ctypes.get_errno()
    if number not in _UNKNOWN:
        raise OSError(number, os.strerror(number), str(there))
    if _is_folder(here):
        # NFS knows no such rename; onto an empty folder, which may be our own, each one can.
        with suppress(FileExistsError):
            there.mkdir()
        if not _is_folder(there):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(there))
        try:
            here.rename(there)
        except OSError as error:
            if error.errno == errno.ENOTEMPTY:
                raise FileExistsError(errno.EEXIST, error.strerror, str(there)) from None
            raise
    else:
        os.link(here, there, follow_symlinks=False)
        here.unlink()


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


def _remove(folder: Path) -> None:
    """Remove a folder and all below. Files keep their modes: some have names elsewhere too."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            if not os.path.islink(f"{path}/{name}"):  # noqa: PTH114 -- as in runner.scratch
                _let_in(Path(path, name))
    shutil.rmtree(folder, ignore_errors=True)


def _let_in(folder: Path) -> None:
    with suppress(PermissionError):
        folder.chmod(0o700)


def _like(original: Path, folder: Path) -> None:
    """Give a folder the owner, mode, times and attributes of another, as far as we may."""
    found = original.stat()
    with suppress(PermissionError):
        os.chown(folder, found.st_uid, found.st_gid)
    with suppress(PermissionError):
        shutil.copystat(original, folder)
