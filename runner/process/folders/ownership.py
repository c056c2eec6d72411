"""Folders and files of the state volume, which other containers and users may have written.

An emptyDir is writable for every user (0777), but files in it belong to their writer. In such a
folder anyone may rename and unlink entries, so files that cannot be read or removed are moved
aside.
"""

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

_ASIDE = ".left-"  # and a number: what another user left, and only that user may remove
_MOST = 100  # names that are tried
_CACHE, _TMP = "cache", "tmp"


def home(state_dir: str) -> str:
    """Return the folder for this user's state: of a sticky one, a part that is the user's own.

    There, nobody may rename or remove what another user wrote.
    """
    try:
        found = os.stat(state_dir)  # noqa: PTH116 -- called at each start, and by paths as text
    except OSError:
        return state_dir
    if found.st_mode & stat.S_ISVTX and found.st_uid != os.geteuid():
        return f"{state_dir}/uid-{os.geteuid()}"
    return state_dir


def cache(state_dir: str) -> Path:
    """Return where restic's cache lies, unless the Secret names another folder."""
    return Path(state_dir, _CACHE)


def scratch(state_dir: str) -> Path:
    """Return the folder for what only one command needs."""
    return Path(state_dir, _TMP)


def claim(folder: Path) -> str:
    """Make a folder that only this user uses, and return ""; otherwise why that is impossible."""
    try:
        if not _is_own(folder):
            clear(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & stat.S_IRWXU != stat.S_IRWXU:
            folder.chmod(0o700)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return f"{folder}: Permission denied"
    except OSError as error:
        return f"{error.filename or folder}: {error.strerror}"
    return ""


def clear(path: Path) -> None:
    """Remove a file or folder, or at least its name; raise OSError where even that fails."""
    if not os.path.lexists(path):
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
    if os.path.lexists(path):
        path.rename(_aside(path.parent))


def tidy(state_dir: str) -> None:
    """Remove what was moved aside, as far as this user may."""
    with suppress(OSError):
        for path in Path(state_dir).glob(f"{_ASIDE}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def leave_nothing(state_dir: str) -> None:
    """Remove cache and scratch: the next container may run as a user who cannot."""
    for folder in (cache(state_dir), scratch(state_dir)):
        shutil.rmtree(folder, ignore_errors=True)
    tidy(state_dir)


def _is_own(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return True
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _aside(parent: Path) -> Path:
    names = (parent / f"{_ASIDE}{number}" for number in range(_MOST))
    return next((path for path in names if not os.path.lexists(path)), parent / f"{_ASIDE}{_MOST}")
