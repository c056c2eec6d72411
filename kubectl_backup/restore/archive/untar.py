"""Unpacks a tar archive, which arrives in pieces, into a folder of this machine.

The archive comes from a container that an attacker may control. `tar.Reader` reads it; explicit
rules decide what is written, and where:

- A name is relative and has no `..`. Each folder of its path is opened below its parent and never
  through a link, so nothing is written through a link, no matter who created it.
- Each entry is created, never opened: an existing file of its name is removed first, so nothing is
  written into an existing link, hard link, device or pipe.
- A symbolic link is data: it is restored with its target and never followed. A hard link is created
  only to a regular file of this folder.
- Devices and pipes are never created. The rest is unpacked; then they are named as a failure.
- The mode never includes setuid, setgid, sticky, or write permission for group and others.
- The archive may have no more entries, and no more bytes of files, than the snapshot.
- Everything is written to a fresh folder, and moved into place once the archive is complete.
"""

from collections.abc import Iterator
from pathlib import Path

from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.restore.archive import placement
from kubectl_backup.restore.archive.tar import ArchiveError, Reader
from kubectl_backup.restore.archive.writer import Bounds, Unpacked, Writer

__all__ = ["Bounds", "Unpacked", "into", "unpack"]


def unpack(chunks: Iterator[bytes], folder: Path, bounds: Bounds | None = None) -> Unpacked:
    """Unpack into ``folder`` and never out of it; return what was unpacked.

    Raise ClusterError if the archive ends too early, is damaged, breaks a rule, or cannot be
    written here. Nothing of it is in ``folder`` then, unless the error says INCOMPLETE.
    """
    with placement.fresh(folder) as inside:
        unpacked = into(chunks, inside, bounds)
        unpacked.failed.extend(placement.place(inside, folder))
    unpacked.complain()
    return unpacked


def into(chunks: Iterator[bytes], folder: Path, bounds: Bounds | None) -> Unpacked:
    """Unpack into a folder that nobody else writes to; raise ClusterError."""
    reader, writer = Reader(chunks), Writer(folder, bounds)
    try:
        try:
            for entry in reader.entries():
                writer.write(entry, reader.content())
            writer.finish()
        finally:
            writer.close()
    except ArchiveError as error:
        raise ClusterError(f"the archive cannot be unpacked: {error}") from error
    except OSError as error:
        raise ClusterError(f"{folder.parent}: {error.strerror or error}") from error
    return writer.unpacked
