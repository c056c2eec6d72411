"""Files of a snapshot into a folder of this machine."""

import os
import posixpath
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from contract.wording import counted
from kubectl_backup import formats, unpack
from kubectl_backup.refusal import ClusterError
from kubectl_backup.replacement import RefusedError
from kubectl_backup.terminal import Terminal
from kubectl_backup.wanted import Wanted

_MODE = 0o666  # of a new file, less the mask

Progress = Callable[[int, int], None]


def write(terminal: Terminal, wanted: Wanted, folder: Path, *, yes: bool) -> int:
    """Write what is wanted into ``folder``; return 0 where all of it is there."""
    if folder.exists() and not folder.is_dir():
        raise RefusedError(f"{folder} is no folder")
    if folder.exists() and any(folder.iterdir()):
        what = f"{folder} is not empty: files of the same names are overwritten. Go on?"
        terminal.confirm(what, yes=yes)
    folder.mkdir(parents=True, exist_ok=True)
    began, files, total = time.monotonic(), 0, 0

    def progress(more_files: int, more_bytes: int) -> None:
        spent = formats.span(time.monotonic() - began)
        count, amount = files + more_files, formats.size(total + more_bytes)
        terminal.progress(f"{counted(count, 'file')}, {amount}, {spent}")

    for path, is_folder in wanted.sources.items():
        take = _tree if is_folder else _file
        more_files, more_bytes = take(wanted, path, folder, progress)
        files, total = files + more_files, total + more_bytes
    terminal.progress("")
    what = f"{counted(files, 'file')}, {formats.size(total)}"
    terminal.say(f"restored {wanted.text}: {what} in {folder}")
    return 0


def _tree(wanted: Wanted, path: str, folder: Path, progress: Progress) -> tuple[int, int]:
    words = ("dump", "--no-lock", "--archive", "tar", f"{wanted.snapshot['id']}:{path}", "/")
    running = wanted.part.run("backup-runner", "restic", *words)
    counted = unpack.unpack(running.chunks, folder, progress)
    _must_be_whole(running.end.code, running.end.said)
    return counted


def _file(wanted: Wanted, path: str, folder: Path, progress: Progress) -> tuple[int, int]:
    words = ("dump", "--no-lock", str(wanted.snapshot["id"]), path)
    running = wanted.part.run("backup-runner", "restic", *words)
    name, total = posixpath.basename(path), 0
    # Under a name that nobody can foresee: what was restored here before may be a link of any name.
    descriptor, unfinished = tempfile.mkstemp(".part", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in running.chunks:
                total += file.write(chunk)
                progress(1, total)
        _must_be_whole(running.end.code, running.end.said)
        Path(unfinished).chmod(_MODE & ~_umask())
        Path(unfinished).replace(folder / name)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
    return 1, total


def _umask() -> int:
    """Return this process's mask of modes, which can be read only by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _must_be_whole(code: int, said: str) -> None:
    if code:
        raise ClusterError(f"NOT ALL of it is there: {formats.plain(said)}")
