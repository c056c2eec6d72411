"""Notes that a restore leaves on the volume for the next start; each is sealed.

The app may have written any of them, or moved one here from elsewhere. A note without our seal, or
about another folder, counts as none.
"""

import json
import os
from collections.abc import Iterator

from runner.volume import moving
from runner.volume.beneath import Folder
from runner.volume.seal import Seal

_LONGEST = 1 << 12  # bytes of a note
_LONGEST_LIST = 1 << 26  # bytes of all modes
SNAPSHOT, GATHERED, MODES = "snapshot", "gathered", "modes"


class Notes:
    """The notes in an open folder."""

    def __init__(self, folder: Folder, seal: Seal) -> None:
        self._folder = folder
        self._seal = seal
        self._inode = os.fstat(folder.descriptor).st_ino

    @property
    def snapshot(self) -> str:
        """The snapshot that was begun with; "" where that is unknown."""
        fact = self._read(SNAPSHOT)
        return fact if isinstance(fact, str) else ""

    @snapshot.setter
    def snapshot(self, value: str) -> None:
        self._write(SNAPSHOT, value)

    @property
    def gathered(self) -> int:
        """The inode of the folder in which all files were gathered; 0 where none is known."""
        fact = self._read(GATHERED)
        return fact if isinstance(fact, int) else 0

    @gathered.setter
    def gathered(self, value: int) -> None:
        self._write(GATHERED, value)

    def add_mode(self, path: str, mode: int) -> None:
        """Note the mode of a folder, by its path in the volume."""
        told = os.fsencode(path).decode("latin-1")
        line = json.dumps([told, mode, self._sealed(MODES, told, mode)])
        number = self._folder.file(MODES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, alone=True)
        with os.fdopen(number, "a", encoding="utf-8") as file:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())

    def modes(self) -> Iterator[tuple[str, int]]:
        """Yield paths and modes, the last note first; nothing if nobody noted any."""
        try:
            text = self._text(MODES, _LONGEST_LIST)
        except FileNotFoundError:
            return
        for line in reversed(text.splitlines()):
            try:
                path, mode, seal = json.loads(line)
            except (ValueError, TypeError, RecursionError):
                continue
            if isinstance(path, str) and isinstance(mode, int) and self._holds(seal, path, mode):
                yield os.fsdecode(path.encode("latin-1")), mode

    def _holds(self, seal: object, path: str, mode: int) -> bool:
        return self._seal.holds(seal, MODES, self._inode, path, mode)

    def _sealed(self, name: str, *facts: str | int) -> str:
        return self._seal.of(name, self._inode, *facts)

    def _text(self, name: str, most: int) -> str:
        return self._folder.read(name, most, alone=True).decode("utf-8", "replace")

    def _read(self, name: str) -> str | int | None:
        try:
            found = json.loads(self._text(name, _LONGEST))
        except (OSError, ValueError, RecursionError):
            return None
        fact, seal = (found.get("fact"), found.get("seal")) if isinstance(found, dict) else (0, 0)
        if not isinstance(fact, str | int):
            return None
        return fact if self._seal.holds(seal, name, self._inode, fact) else None

    def _write(self, name: str, fact: str | int) -> None:
        part = f"{name}.part"
        moving.remove(self._folder, part)
        number = self._folder.file(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump({"fact": fact, "seal": self._sealed(name, fact)}, file)
        here = self._folder.descriptor
        try:
            os.rename(part, name, src_dir_fd=here, dst_dir_fd=here)
        except IsADirectoryError:
            moving.remove(self._folder, name)
            os.rename(part, name, src_dir_fd=here, dst_dir_fd=here)
