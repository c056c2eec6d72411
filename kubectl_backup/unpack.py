"""A tar archive that comes in pieces, unpacked into a folder of this machine."""

import errno
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from contract.wording import counted, listed
from kubectl_backup.refusal import ClusterError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EIO}  # nothing more can be written


class _Pipe(io.RawIOBase):
    """Pieces as a file that can only be read on."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def unpack(
    chunks: Iterator[bytes], folder: Path, progress: Callable[[int, int], None]
) -> tuple[int, int]:
    """Unpack into ``folder`` and never out of it; return how many files and bytes there were.

    Raises ClusterError where the archive ends too early, or names what could not be written here:
    all else is.
    """
    files = total = 0
    failed: list[str] = []
    folders: list[tuple[Path, int, float]] = []
    pipe = io.BufferedReader(_Pipe(chunks), 1 << 20)
    try:
        with tarfile.open(fileobj=pipe, mode="r|", errors="surrogateescape") as archive:
            for member in archive:
                try:
                    # A folder that is closed to writing is so once all is in it.
                    archive.extract(member, folder, set_attrs=not member.isdir(), filter="tar")
                except OSError as error:
                    if error.errno in _FULL:
                        raise
                    failed.append(f"{member.name}: {error.strerror or error}")
                    continue
                if member.isdir():
                    made = tarfile.tar_filter(member, str(folder))
                    folders.append((folder / made.name, made.mode or 0o755, made.mtime))
                files += not member.isdir()
                total += member.size
                progress(files, total)
        while pipe.read(1 << 20):  # what follows the archive's end
            pass
        for path, mode, time in reversed(folders):
            _close(path, mode, time)
    except tarfile.TarError as error:
        raise ClusterError(f"the archive cannot be unpacked: {error}") from error
    except OSError as error:
        raise ClusterError(f"{error.filename or folder}: {error.strerror or error}") from error
    if failed:
        count = counted(len(failed), "file is", "files are")
        raise ClusterError(f"NOT ALL of it is there: {count} not written: {listed(failed)}")
    return files, total


def _close(path: Path, mode: int, time: float) -> None:
    if not path.is_symlink():
        with suppress(PermissionError):
            path.chmod(mode)
            os.utime(path, (time, time))
