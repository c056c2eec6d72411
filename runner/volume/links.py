"""Follows the symbolic links in the path of a source, and never out of its volume.

The app writes its volume, and with it these links: one to `/etc/backup/secret` would put the
repository's password into the repository, and by a restore into the app's hands.
"""

import errno
import os
import posixpath
import stat
from dataclasses import dataclass, field

_MOST = 40  # links in one path, as the kernel follows


class LinkError(Exception):
    """A link that is not followed; the message says why, after the path of the source."""


@dataclass(frozen=True, slots=True)
class Followed:
    """Where a path leads without any link; ``linked``: its last part is a link itself."""

    path: str
    linked: bool


def beneath(root: str, path: str) -> Followed:
    """Follow ``path``, which begins with the folder ``root``, without leaving that folder.

    Raises LinkError for a link that leads out of it, nowhere or in circles, FileNotFoundError
    where nothing is there without any link, and OSError if it is unknown.
    """
    walk = _Walk(root.rstrip("/"))
    walk.left = _parts(path.removeprefix(walk.root))
    try:
        if walk.root and os.path.islink(walk.root):  # noqa: PTH114 -- plain text all the way
            raise LinkError(f"is a link to {_target(walk.root)}, not a volume")
        while walk.left:
            walk.step()
    except (FileNotFoundError, NotADirectoryError):
        if not walk.met:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path) from None
        raise LinkError(f"is a link to {walk.text}, which does not exist") from None
    return Followed("/".join((walk.root, *walk.real)) or "/", walk.last)


@dataclass(slots=True)
class _Walk:
    """A path being resolved: ``real`` is done, ``left`` is not, with the next part last."""

    root: str
    real: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    last: bool = False
    met: int = 0
    text: str = ""

    def step(self) -> None:
        """Take one part."""
        part = self.left.pop()
        if part == "..":
            if not self.real and self.root:
                raise LinkError(self.leaves())
            del self.real[-1:]
            return
        here = "/".join((self.root, *self.real, part))
        mode = os.lstat(here).st_mode
        if stat.S_ISLNK(mode):
            self.follow(here)
        else:
            self.real.append(part)
            self.must_be_folder(mode)

    def follow(self, here: str) -> None:
        """Put what a link points to in its place."""
        target = _target(here)
        self.met, self.text = self.met + 1, ascii(target)[1:-1]
        self.last = self.last or not self.left
        if self.met > _MOST:
            raise LinkError(f"is a link loop (at {self.text})")
        if target.startswith("/"):
            target = posixpath.normpath(target)
            if target != self.root and not target.startswith(f"{self.root}/"):
                raise LinkError(self.leaves())
            self.real, target = [], target.removeprefix(self.root)
        self.left += _parts(target)

    def must_be_folder(self, mode: int) -> None:
        """Raise NotADirectoryError where anything is to be found in what is no folder."""
        if self.left and not stat.S_ISDIR(mode):
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", self.real[-1])

    def leaves(self) -> str:
        """Say by which link it leaves."""
        if self.text:
            return f"is a link to {self.text}, which leads out of its volume"
        return "leaves its volume"


def _parts(path: str) -> list[str]:
    """Return the parts of a path, the first one last."""
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]


def _target(link: str) -> str:
    return os.readlink(link)  # noqa: PTH115 -- plain text all the way
