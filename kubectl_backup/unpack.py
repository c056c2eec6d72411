"""A tar archive that comes in pieces, unpacked into a folder of this machine.

The archive comes from a container that an attacker may control. `tarfile` only parses it; what is
written, and where, is decided here by explicit rules, which need no `filter=` (Python 3.11.4):

- A name is relative, without `..`, and no folder on its way is a link: nothing is written through
  a link, whoever made it.
- Each entry is made anew: what has its name is removed first, so no link, hard link, device or
  pipe that lies there already is written to.
- A symbolic link is data: it is restored as it is, wherever it points, and never followed. A hard
  link is only made to a regular file of this folder.
- Devices and pipes are never made. The rest is unpacked; then they are named, as a failure.
- A file takes no more room than the archive has bytes for it: none may be sparse.
- Of the mode, neither setuid, setgid, sticky nor write for group and others is set.
"""

import errno
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from contract.wording import counted, listed
from kubectl_backup.refusal import ClusterError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EIO}  # nothing more can be written
_MODE = 0o755
_OWNER = 0o700  # of a folder until everything in it is there
_LONGEST = 4096  # bytes of a path, on Linux
_PIECE = 1 << 20


class _Pipe(io.RawIOBase):
    """Pieces as a file that can only be read on."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""
        self.length = 0
        self.content = 0  # up to and with the last byte that is not zero

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._rest = piece
            if full := len(piece.rstrip(b"\0")):
                self.content = self.length + full
            self.length += len(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def unpack(
    chunks: Iterator[bytes], folder: Path, progress: Callable[[int, int], None]
) -> tuple[int, int]:
    """Unpack into ``folder`` and never out of it; return how many files and bytes there were.

    Raises ClusterError where the archive ends too early, is damaged, holds what must not be
    unpacked, or cannot be written here.
    """
    files = total = 0
    pipe = _Pipe(chunks)
    stream = io.BufferedReader(pipe, _PIECE)
    writer = _Writer(folder)
    try:
        with tarfile.open(fileobj=stream, mode="r|", errors="surrogateescape") as archive:
            for member in archive:
                try:
                    writer.write(archive, member)
                except OSError as error:
                    if error.errno in _FULL:
                        raise
                    writer.failed.append(f"{member.name}: {error.strerror or error}")
                    continue
                files += member.isreg() or member.issym() or member.islnk()
                total += member.size
                progress(files, total)
            end = archive.offset
        while stream.read(_PIECE):  # what follows the archive's end
            pass
        writer.finish()
    except tarfile.TarError as error:
        raise ClusterError(f"the archive cannot be unpacked: {error}") from error
    except OSError as error:
        raise ClusterError(f"{error.filename or folder}: {error.strerror or error}") from error
    except (ValueError, OverflowError) as error:  # a time or an owner that no file can have
        raise ClusterError(f"the archive cannot be unpacked: {error}") from error
    # `tarfile` takes a damaged header, and an end between two entries, for the archive's end.
    if pipe.content > end or pipe.length <= end:
        raise ClusterError("the archive cannot be unpacked: it is damaged or ends too early")
    writer.complain()
    return files, total


class _Writer:
    """Writes entries below a folder; ``left_out`` names those that are never made, ``failed`` those
    that could not be written, and why."""

    def __init__(self, folder: Path) -> None:
        self.left_out: list[str] = []
        self.failed: list[str] = []
        self._folder = folder
        self._folders = {folder}  # known to be real ones
        self._unfinished: dict[Path, tarfile.TarInfo] = {}

    def write(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Write one entry."""
        parts = _parts(member, member.name)
        path = self._folder.joinpath(*parts)
        if member.isdir():
            self._make_folders(member, parts)
            if parts:  # the folder itself is its owner's
                self._unfinished[path] = member
        elif not (member.isreg() or member.issym() or member.islnk()):
            self.left_out.append(member.name)
        elif not parts:
            raise _unsafe(member, "has no name")
        elif member.issparse():
            raise _unsafe(member, "is sparse: it may be larger than any disk")
        else:
            self._make_folders(member, parts[:-1])
            self._write_file(archive, member, path)

    def finish(self) -> None:
        """Give folders their modes and times, which what is written into them would change."""
        for path in sorted(self._unfinished, reverse=True):
            _own(path, self._unfinished[path])
            _describe(path, self._unfinished[path])

    def complain(self) -> None:
        """Raise ClusterError that names what is not there."""
        if self.failed:
            what = counted(len(self.failed), "file is", "files are")
            raise ClusterError(f"NOT ALL of it is there: {what} not written: {listed(self.failed)}")
        if self.left_out:
            what = counted(len(self.left_out), "device or pipe is", "devices and pipes are")
            named = listed([repr(name) for name in self.left_out])
            raise ClusterError(f"NOT ALL of it is there: {what} left out: {named}")

    def _write_file(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
        if member.islnk():
            source = self._linked(member)
            if source != path:
                _remove(path)
                os.link(source, path, follow_symlinks=False)
            return
        _remove(path)
        if member.issym():
            path.symlink_to(_checked(member, member.linkname))
            _own(path, member)
        elif (content := archive.extractfile(member)) is not None:
            _copy(content, path, member)

    def _make_folders(self, member: tarfile.TarInfo, parts: list[str]) -> None:
        """Make the folders on the way to an entry; raise where one of them is something else."""
        path = self._folder
        for part in parts:
            path /= part
            if path in self._folders:
                continue
            try:
                path.mkdir(_OWNER)
            except FileExistsError:
                mode = path.lstat().st_mode
                if stat.S_ISLNK(mode):
                    raise _unsafe(member, f"would be written through the link {path}") from None
                if not stat.S_ISDIR(mode):
                    why, of = os.strerror(errno.ENOTDIR), self._folder / member.name
                    raise NotADirectoryError(errno.ENOTDIR, why, str(of)) from None
            self._folders.add(path)

    def _linked(self, member: tarfile.TarInfo) -> Path:
        """Return the regular file that a hard link is to, with no link on the way to it."""
        path = self._folder
        mode = stat.S_IFDIR
        for part in _parts(member, member.linkname):
            path /= part
            try:
                mode = path.lstat().st_mode if stat.S_ISDIR(mode) else 0
            except OSError:
                mode = 0
        if not stat.S_ISREG(mode):
            raise _unsafe(member, f"is a hard link to {member.linkname!r}, which is no file")
        return path


def _parts(member: tarfile.TarInfo, name: str) -> list[str]:
    parts = [part for part in _checked(member, name).split("/") if part not in {"", "."}]
    if ".." in parts:
        raise _unsafe(member, "leads out of the folder")
    return parts


def _checked(member: tarfile.TarInfo, name: str) -> str:
    if "\0" in name or not 0 < len(os.fsencode(name)) < _LONGEST:
        raise _unsafe(member, "has a name or a target that no file can have")
    return name


def _unsafe(member: tarfile.TarInfo, why: str) -> ClusterError:
    return ClusterError(f"the archive cannot be unpacked: {member.name!r} {why}")


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        return


def _copy(content: IO[bytes], path: Path, member: tarfile.TarInfo) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        shutil.copyfileobj(content, file, _PIECE)
    _own(path, member)
    _describe(path, member)


def _own(path: Path, member: tarfile.TarInfo) -> None:
    """Give it its owner by number, as restic does: names of a container mean others here."""
    if os.geteuid() == 0:
        os.chown(path, member.uid, member.gid, follow_symlinks=False)


def _describe(path: Path, member: tarfile.TarInfo) -> None:
    path.chmod(member.mode & _MODE)
    os.utime(path, (member.mtime, member.mtime))
