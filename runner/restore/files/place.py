"""Where on this machine a path of a snapshot belongs."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runner.restore.files.nodes import UNSAID, plain
from runner.volume.beneath import Folder
from runner.volume.paths import is_below

_NOTHING = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class Place:
    """A folder of a snapshot, and the folder of this machine that it is restored into.

    What is below the latter is reached from it without following a link: apps write there.
    ``root``: that folder, where it is open already, and a command that inherits it finds it as
    ``reached``. ``parts``: paths of the snapshot; what is mounted below them is none of theirs.
    """

    def __init__(
        self, inside: str, target: str, root: Folder | None = None, *, reached: str = "",
        parts: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.inside = inside.rstrip("/")
        self.target = target
        self.reached = reached or target
        self._root = root
        self._parts = parts
        self._names: tuple[str, dict[str, str]] = ("", {})
        self._entered: tuple[str, Folder] | None = None

    @property
    def root(self) -> Folder:
        """The folder that it is restored into; raises OSError if that is not there."""
        if self._root is None:
            self._root = Folder.at(self.target)
        return self._root

    def inside_of(self, inside: str) -> "Place":
        """Return where the paths of another folder of the snapshot belong, if that is put here."""
        return Place(inside, self.target, self._root, reached=self.reached, parts=self._parts)

    def of(self, path: str) -> str:
        """Return where a path of the snapshot belongs, in words.

        A name that is not UTF-8 is only known by what it looks like: it is looked for.
        """
        below = self.below(path)
        return f"{self.target}/{below}" if below else self.target

    def below(self, path: str) -> str:
        """Return where a path of the snapshot belongs, as a path in the folder."""
        below = path[len(self.inside) :].strip("/")
        if UNSAID not in below:
            return below
        found = ""
        for name in below.split("/"):
            here = self._name(found, name)
            found = f"{found}/{here}" if found else here
        return found

    def lstat(self, path: str) -> os.stat_result | None:
        """Return what is in the place of a path of the snapshot; None if nothing."""
        above, _, name = self.below(path).rpartition("/")
        try:
            folder = self._enter(above) if name else self.root
            return os.stat(name or ".", dir_fd=folder.descriptor, follow_symlinks=False)
        except OSError as error:
            if error.errno in _NOTHING:
                return None
            raise

    def forget(self) -> None:
        """Enter each folder again: it may be another one by now."""
        self._entered = None

    def is_readable(self, path: str) -> bool:
        """Whether the file at a path is readable; for a link, whether it exists."""
        with suppress(OSError), self.above(path) as (folder, name):
            return os.access(name, os.R_OK, dir_fd=folder.descriptor, follow_symlinks=False)
        return False

    def names(self, path: str) -> list[str]:
        """Return what is in the folder in the place of a path; raise OSError."""
        with self.folder(path, crosses=True) as folder:
            return folder.names()

    def folder(self, path: str, *, crosses: bool = False) -> Folder:
        """Open the folder in the place of a path; raise OSError if a link is on the way.

        ``crosses``: also where it is part of another mount than what is restored.
        """
        below = self.below(path)
        if crosses:
            return self.root.folder(below)
        parts = [self.below(part) for part in self._parts]
        start = max((part for part in parts if is_below(below, part)), key=len, default="")
        if not self._parts or not start:
            return self.root.folder(below)
        with self.root.passage(start) as part:
            return part.folder(below[len(start) :], crosses=False)

    @contextmanager
    def above(self, path: str) -> Iterator[tuple[Folder, str]]:
        """Give the open folder in which a path belongs, and its name there.

        Raises OSError, also what is raised within, with the whole path.
        """
        try:
            with self.root.above(self.below(path)) as found:
                yield found
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.of(path)) from None

    def _enter(self, folder: str) -> Folder:
        """Return an open folder for the names in it; most often, it is the last one."""
        if self._entered is None or self._entered[0] != folder:
            self._entered = (folder, self.root.passage(folder))
        return self._entered[1]

    def _name(self, folder: str, name: str) -> str:
        if UNSAID not in name:
            return name
        if self._names[0] != folder or not self._names[1]:
            with suppress(OSError), self.root.folder(folder) as here:
                self._names = (folder, {plain(each): each for each in here.names()})
        return self._names[1].get(plain(name), name) if self._names[0] == folder else name


def opened(target: str, volumes: str, *, make: bool) -> Folder | None:
    """Open the folder that a user named as target, or None if there is none.

    Up to a volume it is the operator's, and may be a link. In a volume, names are the app's.
    """
    volume, _, inside = target.removeprefix(f"{volumes}/").partition("/")
    if not target.startswith(f"{volumes}/") or not volume:
        if make:
            Path(target).mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            return Folder.at(target)
        return None
    folder = Folder.at(f"{volumes}/{volume}")
    for name in filter(None, inside.split("/")):
        try:
            folder = folder.folder(name)
        except FileNotFoundError:
            if not make:
                return None
            os.mkdir(name, 0o700, dir_fd=folder.descriptor)
            folder = folder.folder(name)
        except OSError as error:
            raise ValueError(f"--to {target}: {error.filename}: {error.strerror}") from None
    return folder


def shown(path: str | Path) -> str:
    """Return a path in which what is not UTF-8 is replaced, so that it can be written anywhere."""
    return os.fsencode(path).decode("utf-8", "replace")
