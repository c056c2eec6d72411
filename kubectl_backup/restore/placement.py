"""A fresh folder that is filled, and its content moved into place once all of it is there.

Whatever ends a restore before that, the folder of the person's is as it was. Every step goes from
an open folder to the next, and never through a link: not by the path's text, which may mean
something else a moment later.
"""

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kubectl_backup.cluster.errors import ClusterError

PREFIX = ".kubectl-backup-"
"""Of the fresh folder's name. One that is there later is what a killed restore left."""

_OURS = re.compile(rf"{re.escape(PREFIX)}[a-z0-9_]{{8}}")  # as `tempfile` names them
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_OWNER = 0o700
_NAMED = 5


class ThroughLinkError(Exception):
    """Something would be written through a link; the message is its path."""


@dataclass
class Troubles:
    """What could not be done, and why: the first few, and how many there are."""

    first: list[str] = field(default_factory=list)
    count: int = 0

    def extend(self, others: "Troubles") -> None:
        """Add those of others."""
        self.first = [*self.first, *others.first][:_NAMED]
        self.count += others.count

    def add(self, trouble: str) -> None:
        """Add one; of millions that an archive may bring, few are kept."""
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append(trouble)

    def __str__(self) -> str:
        more = self.count - len(self.first)
        return f"{', '.join(self.first)}{f' and {more} more' if more else ''}"


def leftovers(folder: Path) -> list[str]:
    """Return what restores that were killed have left in a folder: never their files in place."""
    found = (each.name for each in folder.glob(f"{PREFIX}*"))
    return sorted(name for name in found if _OURS.fullmatch(name))


@contextmanager
def fresh(folder: Path) -> Iterator[Path]:
    """Make a folder in ``folder`` that nobody else may enter; remove it in the end.

    Where something goes wrong, ``folder`` is removed too, if it was not there before.
    """
    was_there = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    try:
        yield made
    except BaseException:
        _remove(made)
        if not was_there and not any(folder.iterdir()):
            folder.rmdir()
        raise
    _remove(made)


def place(source: Path, folder: Path) -> Troubles:
    """Move all that is in ``source`` into ``folder``; return what had to stay.

    Folders that are there already stay, with the mode and the times of the new ones; everything
    else that has a name of the new is replaced. Where a link is in the place of a folder nothing
    is moved at all: ClusterError.
    """
    troubles = Troubles()
    with _opened(source) as here, _opened(folder) as there:
        try:
            _refuse_links(here, there, "")
        except ThroughLinkError as error:
            what = f"something would be written through the link {folder}/{error}"
            raise ClusterError(f"the archive cannot be unpacked: {what}") from error
        _merge(here, there, "", troubles)
    return troubles


def child(parent: int, name: str) -> int:
    """Return an open folder of an open one; raise OSError, also where it is a link."""
    return os.open(name, _DIRECTORY, dir_fd=parent)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _child(parent: int, name: str) -> Iterator[int]:
    descriptor = child(parent, name)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _mode(parent: int, name: str) -> int:
    """Return the mode of what has a name; 0 where nothing has."""
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0


def _refuse_links(source: int, target: int, path: str) -> None:
    for name in os.listdir(source):
        if not stat.S_ISDIR(_mode(source, name)):
            continue
        mode = _mode(target, name)
        if stat.S_ISLNK(mode):
            raise ThroughLinkError(f"{path}{name}")
        if stat.S_ISDIR(mode):
            with _child(source, name) as inner, _child(target, name) as other:
                _refuse_links(inner, other, f"{path}{name}/")


def _merge(source: int, target: int, path: str, troubles: Troubles) -> None:
    for name in sorted(os.listdir(source)):
        try:
            if stat.S_ISDIR(_mode(source, name)):
                _place_folder(source, target, name, path, troubles)
            else:
                _place_file(source, target, name)
        except OSError as error:
            troubles.add(f"{path}{name}: {error.strerror or error}")


def _place_file(source: int, target: int, name: str) -> None:
    if stat.S_ISDIR(_mode(target, name)):
        raise IsADirectoryError(errno.EISDIR, "a folder is in its place")
    os.replace(name, name, src_dir_fd=source, dst_dir_fd=target)  # a link is replaced, not followed


def _place_folder(source: int, target: int, name: str, path: str, troubles: Troubles) -> None:
    mode = _mode(target, name)
    if mode and not stat.S_ISDIR(mode):
        raise NotADirectoryError(errno.ENOTDIR, "no folder is in its place")
    with _child(source, name) as inner:
        wanted = os.fstat(inner)
        os.fchmod(inner, _OWNER)  # one that nobody may write to could not be moved
        if not mode:
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
            _describe(inner, wanted)
            return
        with _child(target, name) as other:
            _merge(inner, other, f"{path}{name}/", troubles)
            if os.geteuid() == 0:
                os.fchown(other, wanted.st_uid, wanted.st_gid)
            _describe(other, wanted)


def _describe(descriptor: int, wanted: os.stat_result) -> None:
    os.fchmod(descriptor, stat.S_IMODE(wanted.st_mode))
    os.utime(descriptor, ns=(wanted.st_atime_ns, wanted.st_mtime_ns))


def _remove(folder: Path) -> None:
    """Remove a folder with all that is in it, also where nobody may write."""
    for _, names, _, descriptor in os.fwalk(folder):
        for name in names:
            if stat.S_ISDIR(_mode(descriptor, name)):
                os.chmod(name, _OWNER, dir_fd=descriptor)
    shutil.rmtree(folder)
