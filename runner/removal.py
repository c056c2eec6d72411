"""Deletes what a snapshot does not have, and could have had; follows no link on the way."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from runner.place import Place, shown
from runner.sparing import Sparing
from runner.steps import NEVER_BACKED_UP
from runner.tally import Tally

_NAMED = 1000  # kept files that are listed
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Removal:
    """Walks through folders; ``kept`` are files that stay, ``failed`` ones that could not go.

    ``tally`` counts files that are deleted, or would be in a ``dry_run``.
    ``ours`` are paths of the snapshot, or folders above them, that a restore brings otherwise.
    """

    place: Place
    sparing: Sparing
    tally: Tally
    dry_run: bool
    ours: frozenset[str] = frozenset()
    kept: list[str] = field(default_factory=list)
    kept_total: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def clear(self, folder: str, names: list[str]) -> None:
        """Delete these names from a folder of the snapshot, but for what stays."""
        try:
            with self._opened(folder) as descriptor:
                self._clear(folder, descriptor, names)
        except OSError as error:
            self._fail(folder, error)

    def can_clear(self, folder: str) -> bool:
        """Whether all in a folder may go."""
        trial = Removal(self.place, self.sparing, Tally(), dry_run=True, ours=self.ours)
        trial._empty(folder)
        return not trial.kept_total and not trial.failed and not trial._holds_ours(folder)

    def replace(self, folder: str) -> None:
        """Delete a folder in whose place something else comes."""
        self._empty(folder)
        if not self.dry_run:
            above, _, name = folder.rpartition("/")
            with suppress(OSError), self._opened(above) as descriptor:
                os.rmdir(self._here(name, folder), dir_fd=descriptor)

    def _empty(self, folder: str) -> None:
        try:
            with self._opened(folder) as descriptor:
                self._clear(folder, descriptor, _names(descriptor))
        except OSError as error:
            self._fail(folder, error)

    def _clear(self, folder: str, descriptor: int, names: list[str]) -> None:
        """Go through names of an open folder, and all folders among them, without recursion."""
        folders: list[str] = []
        with self._writable(descriptor):
            left = self._go_through(folder, descriptor, names)
        while left:
            path = left.pop()
            folders.append(path)
            try:
                with self._opened(path) as inner, self._writable(inner):
                    left += self._go_through(path, inner, _names(inner))
            except OSError as error:
                self._fail(path, error)
        for path in reversed(folders) if not self.dry_run else ():
            self._remove_folder(path)

    def _go_through(self, folder: str, descriptor: int, names: list[str]) -> list[str]:
        """Delete the files among these names; return the folders that are to be gone through."""
        device, folders = os.fstat(descriptor).st_dev, []
        for name in sorted(names):
            path = f"{folder}/{name}"
            if path in self.ours:
                continue
            try:
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                is_folder = stat.S_ISDIR(found.st_mode)
                if self._holds_ours(path):
                    folders += [path] if is_folder else []
                elif self.sparing.why(path, self.place.of(path), found, device):
                    self._keep(path, found)
                elif is_folder:
                    folders.append(path)
                else:
                    if not self.dry_run:
                        os.unlink(name, dir_fd=descriptor)
                    self.tally.count("deleted", shown(self.place.of(path)), found.st_size)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._fail(path, error)
        return folders

    def _remove_folder(self, path: str) -> None:
        above, _, name = path.rpartition("/")
        try:
            with self._opened(above) as descriptor, self._writable(descriptor):
                os.rmdir(self._here(name, path), dir_fd=descriptor)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:
                self._fail(path, error)

    def _keep(self, path: str, found: os.stat_result) -> None:
        """Name each file that stays; what nobody ever backs up is no news."""
        if path.rpartition("/")[2] in NEVER_BACKED_UP:
            return
        here = self.place.of(path)
        files = [here]
        if stat.S_ISDIR(found.st_mode):
            walked = os.walk(here)
            files = [f"{each}/{name}" for each, _, inside in walked for name in inside] or files
        self.kept_total += len(files)
        self.kept += [shown(each) for each in files[: _NAMED - len(self.kept)]]

    def _holds_ours(self, path: str) -> bool:
        return any(each.startswith(f"{path}/") for each in self.ours)

    def _fail(self, path: str, error: OSError) -> None:
        why = error.strerror or str(error)
        self.failed[shown(self.place.of(path))] = f"cannot be deleted: {why.lower()}"

    def _here(self, name: str, path: str) -> str:
        return self.place.of(path).rpartition("/")[2] or name

    @contextmanager
    def _opened(self, folder: str) -> Iterator[int]:
        """Open a folder step by step, so that no link in it leads elsewhere."""
        descriptor = os.open(self.place.target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            below = self.place.of(folder)[len(self.place.target) :]
            for name in filter(None, below.split("/")):
                inner = os.open(name, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _writable(self, descriptor: int) -> Iterator[None]:
        """Let its owner delete in a folder that is closed to writing; its times stay, too."""
        found = os.fstat(descriptor)
        mode = stat.S_IMODE(found.st_mode)
        if not self.dry_run and mode & stat.S_IRWXU != stat.S_IRWXU:
            with suppress(OSError):
                os.fchmod(descriptor, mode | stat.S_IRWXU)
        try:
            yield
        finally:
            if not self.dry_run:
                with suppress(OSError):
                    if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
                        os.fchmod(descriptor, mode)
                    os.utime(descriptor, ns=(found.st_atime_ns, found.st_mtime_ns))


def _names(descriptor: int) -> list[str]:
    return os.listdir(descriptor)
