"""Finds databases among the files that globs match; stores no more than can be copied."""

import os
from contextlib import suppress
from dataclasses import dataclass, field

from runner.databases.sqlite import copying
from runner.volume import held_files
from runner.volume.globs import File
from runner.volume.held_files import IrregularError

_KEPT = 1000  # of what is no database


@dataclass(slots=True)
class Candidates:
    """Files, sorted into databases and others; of more than ``most`` databases only the number."""

    most: int
    databases: set[File] = field(default_factory=set)
    more: int = 0
    others: set[str] = field(default_factory=set)
    _folder: tuple[str, tuple[str, ...]] = ("", ())
    _here: int = -1

    def add(self, file: File) -> None:
        """Look at a file without opening anything that is no regular one."""
        try:
            self._go_to(file)
            held = held_files.hold(file.name, self._here)
        except IrregularError:
            self._other(file)
            return
        except OSError:
            return  # restic names what cannot be read
        if held is None:
            return
        try:
            if copying.is_database(held):
                self._database(file)
            elif held.found.st_size and not self._is_beside(file.name):
                self._other(file)
        except OSError:
            return
        finally:
            held.close()

    def close(self) -> None:
        """Let go of the last folder."""
        if self._here >= 0:
            os.close(self._here)
        self._here = -1

    def _database(self, file: File) -> None:
        if file in self.databases or len(self.databases) < self.most:
            self.databases.add(file)
        else:
            self.more += 1

    def _other(self, file: File) -> None:
        if len(self.others) < _KEPT:
            self.others.add(file.path)

    def _go_to(self, file: File) -> None:
        if (file.root, file.parts) == self._folder and self._here >= 0:
            return
        self.close()
        self._here = held_files.folder(file.root, file.parts)
        self._folder = file.root, file.parts

    def _is_beside(self, name: str) -> bool:
        """Whether a file belongs to a database: it is a companion file, or still empty."""
        for end in copying.BESIDE:
            if name.endswith(end):
                with suppress(IrregularError, OSError):
                    held = held_files.hold(name.removesuffix(end), self._here)
                    if held is not None:
                        try:
                            return copying.is_database(held)
                        finally:
                            held.close()
        return False
