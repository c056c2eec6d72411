"""A tar archive that comes in pieces, unpacked into a folder of this machine."""

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from kubectl_backup.refusal import ClusterError


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

    Raises ClusterError where the archive ends too early or cannot be written here.
    """
    files = total = 0
    pipe = io.BufferedReader(_Pipe(chunks), 1 << 20)
    try:
        with tarfile.open(fileobj=pipe, mode="r|", errors="surrogateescape") as archive:
            for member in archive:
                archive.extract(member, folder, filter="tar")
                files += not member.isdir()
                total += member.size
                progress(files, total)
        while pipe.read(1 << 20):  # what follows the archive's end
            pass
    except tarfile.TarError as error:
        raise ClusterError(f"the archive cannot be unpacked: {error}") from error
    except OSError as error:
        raise ClusterError(f"{error.filename or folder}: {error.strerror or error}") from error
    return files, total
