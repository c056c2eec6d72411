"""The working folder of a restore on a volume, and whether an existing one is ours."""

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from contract import names
from runner.steps.sources import NEVER_BACKED_UP
from runner.volume import links
from runner.volume.beneath import Folder

_PROBE = f"{names.STAGING}.probe"
_WHAT_TO_DO = "nothing was changed; if no restore is running, remove or rename it"


class Location:
    """Where a folder of a volume is: ``inside`` what is mounted at ``root``, without any link.

    Links in the path are followed as backups follow them. Raises OSError for one that leads out.
    """

    def __init__(self, folder: Path, root: Path | None) -> None:
        given = root or folder
        self.root = next(each for each in (given, *given.parents) if each.exists())
        try:
            real = links.beneath(str(self.root), str(folder)).path
        except FileNotFoundError:
            real = str(folder)
        except links.LinkError as error:
            raise OSError(errno.ELOOP, str(error), str(folder)) from None
        self.inside = real.removeprefix(str(self.root)).strip("/")


def live_file(volumes: str, path: str) -> int:
    """Open a regular file that was backed up, as backups reach it; raise OSError."""
    inside = path.removeprefix(f"{volumes}/")
    # Elsewhere, the path is the Secret's own, up to the folder at least.
    root = Path(volumes, inside.partition("/")[0]) if inside != path else Path(path).parent
    where = Location(Path(path), root)
    with Folder.at(where.root) as folder:
        return folder.file(where.inside)


def is_empty(folder: Folder) -> bool:
    """Whether a folder holds nothing that is an app's."""
    return not set(folder.names()) - {*NEVER_BACKED_UP, _PROBE}


def claimed(volume: Folder) -> Folder:
    """Open the folder for our work, and make it where there is none; raise OSError.

    It counts only as a real folder of the volume that we made, or another pod of our user: an app
    may leave anything by this name.
    """
    path = f"{volume.path}/{names.STAGING}"
    try:
        with suppress(FileExistsError):
            os.mkdir(names.STAGING, 0o700, dir_fd=volume.descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    try:
        found = volume.folder(names.STAGING, crosses=False)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise
        raise _foreign(path, _what_it_is(volume) or (error.strerror or "").lower()) from None
    if why := _not_ours(volume, found):
        found.close()
        raise _foreign(path, why)
    return found


def _foreign(path: str, why: str) -> OSError:
    return OSError(errno.EEXIST, f"is not a restore's folder: {why}; {_WHAT_TO_DO}", path)


def _what_it_is(volume: Folder) -> str:
    found = volume.find(names.STAGING)
    if found is None or stat.S_ISDIR(found.st_mode):
        return ""
    if stat.S_ISLNK(found.st_mode):
        return "it is a link"
    return "it is a file" if stat.S_ISREG(found.st_mode) else "it is neither a folder nor a file"


def _not_ours(volume: Folder, folder: Folder) -> str:
    found = os.fstat(folder.descriptor)
    mode = stat.S_IMODE(found.st_mode) & 0o777  # bits of the group may come from the volume
    if found.st_dev != os.fstat(volume.descriptor).st_dev:
        return "it is on another file system"
    if found.st_uid == os.geteuid() and mode == 0o700:
        return ""
    probed = _probed(volume)
    if found.st_uid != probed.user:
        return f"it belongs to user {found.st_uid}, and this restore runs as user {os.geteuid()}"
    if mode != 0o700 and probed.keeps_modes:
        return f"others can enter it (mode {mode:04o} instead of 0700)"
    return ""


@dataclass(frozen=True, slots=True)
class _Probed:
    """The owner that a file system shows for our files, and whether it keeps modes."""

    user: int
    keeps_modes: bool


def _probed(volume: Folder) -> _Probed:
    """Return how this file system shows our files.

    On NFS we may be another user, on SMB every file has the same owner and mode.
    """
    with suppress(FileNotFoundError):
        os.unlink(_PROBE, dir_fd=volume.descriptor)
    number = os.open(
        _PROBE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600,
        dir_fd=volume.descriptor,
    )  # fmt: skip
    try:
        found = os.fstat(number)
    finally:
        os.close(number)
        os.unlink(_PROBE, dir_fd=volume.descriptor)
    return _Probed(found.st_uid, stat.S_IMODE(found.st_mode) == 0o600)
