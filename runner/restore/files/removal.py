"""Deletes files that a snapshot does not have but could have had; follows no links."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from runner.restore.files.place import Place, shown
from runner.restore.files.sparing import Sparing
from runner.restore.tally import Tally
from runner.steps.sources import NEVER_BACKED_UP
from runner.volume.beneath import Folder

_NAMED = 1000  # kept files that are listed


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
            with self.place.folder(folder) as opened:
                self._clear(folder, opened, names)
        except OSError as error:
            if error.errno != errno.EXDEV:
                self._fail(folder, error)
            for name in names if error.errno == errno.EXDEV else ():
                self._keep(f"{folder}/{name}", is_folder=False)

    def can_clear(self, folder: str) -> bool:
        """Whether all in a folder may go."""
        trial = Removal(self.place, self.sparing, Tally(), dry_run=True, ours=self.ours)
        trial._empty(folder)
        return not trial.kept_total and not trial.failed and not trial._holds_ours(folder)

    def replace(self, folder: str) -> None:
        """Delete a folder that another type of file replaces."""
        self._empty(folder)
        if not self.dry_run:
            with suppress(OSError), self.place.above(folder) as (above, name):
                os.rmdir(name, dir_fd=above.descriptor)

    def _empty(self, folder: str) -> None:
        try:
            with self.place.folder(folder) as opened:
                self._clear(folder, opened, opened.names())
        except OSError as error:
            self._fail(folder, error)

    def _clear(self, folder: str, opened: Folder, names: list[str]) -> None:
        """Delete files in an open folder, and in all folders below, without recursion."""
        folders: list[str] = []
        with self._writable(opened):
            left = self._go_through(folder, opened, names)
        while left:
            path = left.pop()
            folders.append(path)
            try:
                with self.place.folder(path) as inner, self._writable(inner):
                    left += self._go_through(path, inner, inner.names())
            except OSError as error:
                self._fail(path, error)
        for path in reversed(folders) if not self.dry_run else ():
            self._remove_folder(path)

    def _go_through(self, folder: str, opened: Folder, names: list[str]) -> list[str]:
        """Delete the files among these names; return the folders to continue with."""
        folders = []
        for name in sorted(names):
            path = f"{folder}/{name}"
            if path in self.ours:
                continue
            try:
                found = os.stat(name, dir_fd=opened.descriptor, follow_symlinks=False)
                is_folder = stat.S_ISDIR(found.st_mode)
                if self._holds_ours(path):
                    folders += [path] if is_folder else []
                elif self.sparing.why(path, opened, found):
                    self._keep(path, is_folder=is_folder)
                elif is_folder:
                    folders.append(path)
                else:
                    if not self.dry_run:
                        os.unlink(name, dir_fd=opened.descriptor)
                    self.tally.count("deleted", shown(self.place.of(path)), found.st_size)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._fail(path, error)
        return folders

    def _remove_folder(self, path: str) -> None:
        above = path.rpartition("/")[0]
        try:
            with self.place.folder(above) as opened, self._writable(opened):
                name = self.place.below(path).rpartition("/")[2]
                os.rmdir(name, dir_fd=opened.descriptor)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:
                self._fail(path, error)

    def _keep(self, path: str, *, is_folder: bool) -> None:
        """Record each file that stays, except those that are never backed up."""
        if path.rpartition("/")[2] in NEVER_BACKED_UP:
            return
        files = [path]
        if is_folder:
            files = list(self._files(path)) or files
        self.kept_total += len(files)
        self.kept += [shown(self.place.of(each)) for each in files[: _NAMED - len(self.kept)]]

    def _files(self, folder: str) -> Iterator[str]:
        """Yield everything below a folder except folders."""
        left = [folder]
        while left:
            path = left.pop()
            with suppress(OSError), self.place.folder(path, crosses=True) as opened:
                for name in opened.names():
                    found = opened.find(name)
                    if found is not None and stat.S_ISDIR(found.st_mode):
                        left.append(f"{path}/{name}")
                    else:
                        yield f"{path}/{name}"

    def _holds_ours(self, path: str) -> bool:
        return any(each.startswith(f"{path}/") for each in self.ours)

    def _fail(self, path: str, error: OSError) -> None:
        why = error.strerror or str(error)
        self.failed[shown(self.place.of(path))] = f"cannot be deleted: {why.lower()}"

    @contextmanager
    def _writable(self, folder: Folder) -> Iterator[None]:
        """Make a read-only folder writable for its owner while the block runs; keep its times."""
        descriptor = folder.descriptor
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
