"""Moves, removes and copies attributes within open folders; follows no link."""

import errno
import os
import stat
from contextlib import suppress

from runner.sandbox import libc
from runner.volume.beneath import Folder

_NO_REPLACE = 1  # RENAME_NOREPLACE
_UNKNOWN = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}  # to a file system, or to the kernel


def rename(source: Folder, target: Folder, name: str) -> None:
    """Move a name from one folder to another, and never onto anything; raise FileExistsError."""
    raw = os.fsencode(name)
    if not libc.libc().renameat2(source.descriptor, raw, target.descriptor, raw, _NO_REPLACE):
        return
    error = libc.error(f"{target.path}/{name}")
    if error.errno not in _UNKNOWN:
        raise error
    here, there = source.descriptor, target.descriptor
    if is_folder(source, name):
        # NFS knows no such rename; onto an empty folder, which may be our own, each one can.
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=there)
        if not is_folder(target, name):
            raise _exists(target, name)
        try:
            os.rename(name, name, src_dir_fd=here, dst_dir_fd=there)
        except OSError as other:
            if other.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                raise _exists(target, name) from None
            raise
    else:
        os.link(name, name, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
        os.unlink(name, dir_fd=here)


def is_folder(folder: Folder, name: str) -> bool:
    """Whether a name in a folder is one; raise FileNotFoundError."""
    found = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
    return stat.S_ISDIR(found.st_mode)


def chmod(folder: Folder, mode: int) -> None:
    """Give an open folder a mode, also one that is open for the names in it alone."""
    os.chmod(folder.link, mode)  # noqa: PTH101 -- by its descriptor


def let_in(folder: Folder) -> None:
    """Let us read, write and enter a folder, if it is ours."""
    with suppress(PermissionError):
        chmod(folder, 0o700)


def remove(folder: Folder, name: str) -> None:
    """Remove a name and all below, as far as that can be. Files keep their modes: some have names
    elsewhere too. What is mounted below, and what lies there, stays.
    """
    with suppress(OSError):
        with folder.above(name) as (above, last):
            if not is_folder(above, last):
                os.unlink(last, dir_fd=above.descriptor)
                return
        left, found = [name], []
        while left:
            path = left.pop()
            found.append(path)
            with suppress(OSError):
                left += _emptied(folder, path)
        for path in reversed(found):
            with suppress(OSError), folder.above(path) as (above, last):
                os.rmdir(last, dir_fd=above.descriptor)


def _emptied(folder: Folder, path: str) -> list[str]:
    """Remove the files in a folder below; return the folders in it."""
    folders = []
    with folder.passage(path, crosses=False) as closed:
        let_in(closed)
    with folder.folder(path, crosses=False) as inner:
        for name in inner.names():
            with suppress(OSError):
                if is_folder(inner, name):
                    folders.append(f"{path}/{name}")
                else:
                    os.unlink(name, dir_fd=inner.descriptor)
    return folders


def dress(folder: Folder, original: Folder) -> None:
    """Give a folder the owner, attributes, mode and times of another, as far as we may."""
    found = os.fstat(original.descriptor)
    with suppress(PermissionError):
        os.fchown(folder.descriptor, found.st_uid, found.st_gid)
    with suppress(OSError):
        for key in os.listxattr(original.descriptor):
            with suppress(OSError):  # such as those that the kernel or the volume keeps for itself
                os.setxattr(folder.descriptor, key, os.getxattr(original.descriptor, key))
    with suppress(PermissionError):
        os.fchmod(folder.descriptor, stat.S_IMODE(found.st_mode))
    with suppress(PermissionError):
        os.utime(folder.descriptor, ns=(found.st_atime_ns, found.st_mtime_ns))


def _exists(folder: Folder, name: str) -> FileExistsError:
    path = f"{folder.path}/{name}"
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
