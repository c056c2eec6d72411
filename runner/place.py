"""Where on this machine a path of a snapshot belongs."""

import os
from contextlib import suppress
from pathlib import Path

from runner.nodes import UNSAID, plain


class Place:
    """A folder of a snapshot, and the folder of this machine that it is restored into."""

    def __init__(self, inside: str, target: str) -> None:
        self.inside = inside.rstrip("/")
        self.target = target
        self._names: tuple[str, dict[str, str]] = ("", {})

    def of(self, path: str) -> str:
        """Return where a path of the snapshot belongs.

        A name that is not UTF-8 is only known by what it looks like: it is looked for.
        """
        below = path[len(self.inside) :]
        if UNSAID not in below:
            return f"{self.target}{below}"
        found = self.target
        for name in below.split("/")[1:]:
            found = f"{found}/{self._name(found, name)}"
        return found

    def lstat(self, path: str) -> os.stat_result | None:
        """Return what is in the place of a path of the snapshot; None if nothing."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return os.lstat(self.of(path))
        return None

    def _name(self, folder: str, name: str) -> str:
        if UNSAID not in name:
            return name
        if self._names[0] != folder:
            with suppress(OSError):
                self._names = (folder, {plain(each): each for each in os.listdir(folder)})  # noqa: PTH208 -- names
        return self._names[1].get(plain(name), name) if self._names[0] == folder else name


def shown(path: str | Path) -> str:
    """Return a path in which what is not UTF-8 is replaced, so that it can be written anywhere."""
    return os.fsencode(path).decode("utf-8", "replace")
