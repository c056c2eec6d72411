"""A tar archive that comes in pieces, unpacked into a folder of this machine.

The archive comes from a container that an attacker may control. `tar.Reader` reads it; what is
written, and where, is decided here by explicit rules:

- A name is relative, without `..`. Each folder on its way is opened below the one before, and never
  through a link: nothing is written through one, whoever made it.
- Each entry is made anew, in an open folder: what has its name is removed first, so no link, hard
  link, device or pipe that lies there already is written to.
- A symbolic link is data: it is restored as it is, wherever it points, and never followed. A hard
  link is only made to a regular file of this folder.
- Devices and pipes are never made. The rest is unpacked; then they are named, as a failure.
- Of the mode, neither setuid, setgid, sticky nor write for group and others is set.
- There are no more entries, and no more bytes of files, than the snapshot has.
- All of it goes into a fresh folder, and is moved into place when the archive has ended well.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.restore import placement
from kubectl_backup.restore.tar import ArchiveError, Reader
from kubectl_backup.restore.writer import Bounds, Unpacked, Writer

__all__ = ["Bounds", "Unpacked", "into", "unpack"]

Progress = Callable[[int, int], None]


def unpack(
    chunks: Iterator[bytes], folder: Path, progress: Progress, bounds: Bounds | None = None
) -> tuple[int, int]:
    """Unpack into ``folder`` and never out of it; return how many files and bytes there were.

    Raises ClusterError where the archive ends too early, is damaged, holds what must not be
    unpacked, or cannot be written here. Then nothing of it is in ``folder``, unless the error says
    that not all is there.
    """
    with placement.fresh(folder) as inside:
        unpacked = into(chunks, inside, progress, bounds)
        unpacked.failed.extend(placement.place(inside, folder))
    unpacked.complain()
    return unpacked.files, unpacked.size


def into(
    chunks: Iterator[bytes], folder: Path, progress: Progress, bounds: Bounds | None = None
) -> Unpacked:
    """Unpack into a folder that nobody else writes into, itself; raise ClusterError."""
    reader, writer = Reader(chunks), Writer(folder, bounds)
    try:
        try:
            for entry in reader.entries():
                writer.write(entry, reader.content())
                progress(writer.unpacked.files, writer.unpacked.size)
            writer.finish()
        finally:
            writer.close()
    except ArchiveError as error:
        raise ClusterError(f"the archive cannot be unpacked: {error}") from error
    except OSError as error:
        raise ClusterError(f"{folder.parent}: {error.strerror or error}") from error
    return writer.unpacked
