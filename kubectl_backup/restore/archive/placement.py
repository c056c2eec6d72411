"""A fresh folder, whose content is moved into place once it is complete.

If a restore ends before that, the target folder is unchanged. Every step goes from an open folder
to the next and never through a link; a path as text could mean something else a moment later.
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
"""Of the fresh folder's name. One that remains was left by a killed restore."""

_OURS = re.compile(rf"{re.escape(PREFIX)}[a-z0-9_]{{8}}")  # as `tempfile` names them
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_OWNER = 0o700
_NAMED = 5


class ThroughLinkError(Exception):
    """Something would be written through a link; the message is its path."""


@dataclass
class Troubles:
    """What failed and why: the first few, and their number."""

    first: list[str] = field(default_factory=list)
    count: int = 0

    def extend(self, others: "Troubles") -> None:
        """Add those of others."""
        self.first = [*self.first, *others.first][:_NAMED]
        self.count += others.count

    def add(self, trouble: str) -> None:
        """Add one; an archive may bring millions, of which few are kept."""
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append(trouble)

    def __str__(self) -> str:
        more = self.count - len(self.first)
        return f"{', '.join(self.first)}{f' and {more} more' if more else ''}"


def leftovers(folder: Path) -> list[str]:
    """Return the names of fresh folders that killed restores have left in a folder."""
    found = (each.name for each in folder.glob(f"{PREFIX}*"))
    return sorted(name for name in found if _OURS.fullmatch(name))


@contextmanager
def fresh(folder: Path) -> Iterator[Path]:
    """Make a private folder in ``folder``; remove it at the end.

    If something fails, ``folder`` is removed too, unless it existed before.
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
    """Move the content of ``source`` into ``folder``; return what could not be moved.

    Existing folders stay and get the mode and times of the new ones; existing files are replaced.
    Raise ClusterError, with nothing moved, if a link is in the place of a folder.
    """
    troubles = Troubles()
    with _opened(source) as here, _opened(folder) as there:
        try:
            _refuse_links(here, there, "")
        except ThroughLinkError as error:
            what = f"it would write through the link {folder}/{error}"
            raise ClusterError(f"the archive cannot be unpacked: {what}") from error
        _merge(here, there, "", troubles)
    return troubles


def child(parent: int, name: str) -> int:
    """Return an open folder of an open one; raise OSError, also if it is a link."""
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
    """Return the mode of a name in a folder; 0 if it does not exist."""
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
        raise NotADirectoryError(errno.ENOTDIR, "a file is in its place")
    with _child(source, name) as inner:
        wanted = os.fstat(inner)
        os.fchmod(inner, _OWNER)  # a folder without write permission cannot be moved
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
    """Remove a folder and its content, also without write permission."""
    for _, names, _, descriptor in os.fwalk(folder):
        for name in names:
            if stat.S_ISDIR(_mode(descriptor, name)):
                os.chmod(name, _OWNER, dir_fd=descriptor)
    shutil.rmtree(folder)
