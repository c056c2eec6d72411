"""Files of a snapshot into a folder of this machine."""

import os
import posixpath
import shlex
import time
from collections.abc import Callable
from pathlib import Path

from contract import units
from contract.text import counted
from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.cluster.exec import Answer
from kubectl_backup.output import formats
from kubectl_backup.output import terminal as terminals
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.restore import placement, untar, writer
from kubectl_backup.restore.helper_pod import RefusedError
from kubectl_backup.restore.selection import Wanted
from kubectl_backup.restore.writer import Unpacked

_MODE = 0o666  # of a new file, less this process's mask

Progress = Callable[[int, int], None]


def write(terminal: Terminal, wanted: Wanted, folder: Path, *, yes: bool) -> int:
    """Write what is wanted into ``folder``; return 0 where all of it is there.

    Nothing of it is in ``folder`` before all of it has come.
    """
    if folder.exists() and not folder.is_dir():
        raise RefusedError(f"{folder} is no folder")
    if folder.exists() and any(folder.iterdir()):
        what = f"{folder} is not empty: files of the same names are overwritten. Go on?"
        terminal.confirm(what, yes=yes)
    for name in placement.leftovers(folder):
        what = f"{folder / name} is what a killed restore left; remove it by"
        terminal.tell(f"{what}: rm -r {shlex.quote(str(folder / name))}")
    unpacked = Unpacked()
    try:
        with placement.fresh(folder) as inside:
            _fill(terminal, wanted, inside, unpacked)
            with terminals.uninterrupted():
                unpacked.failed.extend(placement.place(inside, folder))
    except KeyboardInterrupt:
        terminal.tell(f"nothing was restored into {folder}")
        raise
    except (ClusterError, OSError) as error:
        terminal.progress("")
        why = error if isinstance(error, ClusterError) else error.strerror
        raise ClusterError(f"nothing was restored into {folder}: {why}") from error
    terminal.progress("")
    unpacked.complain()
    what = f"{counted(unpacked.files, 'file')}, {formats.size(unpacked.size)}"
    terminal.say(f"restored {wanted.text}: {what} in {folder}")
    return 0


def _fill(terminal: Terminal, wanted: Wanted, inside: Path, unpacked: Unpacked) -> None:
    """Write what is wanted into a fresh folder."""
    began = time.monotonic()

    def progress(more_files: int, more_bytes: int) -> None:
        spent = units.span(time.monotonic() - began)
        count, amount = unpacked.files + more_files, formats.size(unpacked.size + more_bytes)
        terminal.progress(f"{counted(count, 'file')}, {amount}, {spent}")

    for path, is_folder in wanted.sources.items():
        take = _tree if is_folder else _file
        unpacked.add(take(wanted, path, inside, progress))


def _tree(wanted: Wanted, path: str, folder: Path, progress: Progress) -> Unpacked:
    words = ("dump", "--no-lock", "--archive", "tar", f"{wanted.snapshot['id']}:{path}", "/")
    running = wanted.part.run("backup-runner", "restic", *words)
    try:
        unpacked = untar.into(running.chunks, folder, progress, wanted.bounds.get(path))
    except ClusterError:
        _must_be_whole(running.end)  # why it ended too early
        raise
    _must_be_whole(running.end)
    _must_be_as_large(path, unpacked.size, wanted)
    return unpacked


def _file(wanted: Wanted, path: str, folder: Path, progress: Progress) -> Unpacked:
    words = ("dump", "--no-lock", str(wanted.snapshot["id"]), path)
    running = wanted.part.run("backup-runner", "restic", *words)
    bounds, name, total = wanted.bounds.get(path), posixpath.basename(path), 0
    # An earlier source may have brought a link of that name.
    (folder / name).unlink(missing_ok=True)
    with os.fdopen(os.open(folder / name, writer.NEW_FILE, _MODE), "wb") as file:
        for chunk in running.chunks:
            total += file.write(chunk)
            if bounds is not None and total > bounds.size:
                what = f"{path} does not end where the snapshot says"
                raise ClusterError(f"{what}, after {formats.size(bounds.size)}")
            progress(1, total)
    _must_be_whole(running.end)
    _must_be_as_large(path, total, wanted)
    return Unpacked(1, total)


def _must_be_as_large(path: str, size: int, wanted: Wanted) -> None:
    if (bounds := wanted.bounds.get(path)) is not None and size != bounds.size:
        came, held = formats.size(size), formats.size(bounds.size)
        raise ClusterError(
            f"NOT ALL of it is there: {came} of {path} came, the snapshot has {held}"
        )


def _must_be_whole(end: Answer) -> None:
    if end.code:
        raise ClusterError(f"NOT ALL of it is there: {formats.plain(end.said)}")
