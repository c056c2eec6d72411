"""Files of a snapshot into a folder of this machine."""

import os
import posixpath
import shlex
from pathlib import Path

from contract.text import counted
from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.cluster.exec import Answer
from kubectl_backup.output import formats, interrupts
from kubectl_backup.output.progress import Progress
from kubectl_backup.output.terminal import Terminal
from kubectl_backup.restore.archive import placement, untar, writer
from kubectl_backup.restore.archive.writer import Bounds, Unpacked
from kubectl_backup.restore.preflight import RefusedError
from kubectl_backup.restore.selection import Selection

_MODE = 0o666  # of a new file, less this process's mask


def write(terminal: Terminal, selection: Selection, folder: Path, *, yes: bool) -> int:
    """Write the selection into ``folder``; return 0 if it is complete.

    Nothing appears in ``folder`` before everything has arrived.
    """
    if folder.exists() and not folder.is_dir():
        raise RefusedError(f"{folder} is not a folder; name a new or an empty one")
    if folder.exists() and any(folder.iterdir()):
        what = f"{folder} is not empty: files of the same names are overwritten. Continue?"
        terminal.confirm(what, yes=yes)
    for name in placement.leftovers(folder):
        remove = f"rm -r {shlex.quote(str(folder / name))}"
        terminal.tell(f"{folder / name} is left over from a killed restore; remove it: {remove}")
    unpacked = Unpacked()
    try:
        with placement.fresh(folder) as inside:
            with terminal.progress(selection.volume, selection.size) as progress:
                _fill(selection, inside, unpacked, progress)
            with interrupts.uninterrupted():
                unpacked.failed.extend(placement.place(inside, folder))
    except KeyboardInterrupt:
        terminal.tell(f"nothing was restored into {folder}")
        raise
    except (ClusterError, OSError) as error:
        why = error if isinstance(error, ClusterError) else error.strerror
        raise ClusterError(f"nothing was restored into {folder}: {why}") from error
    unpacked.complain()
    what = f"{counted(unpacked.files, 'file')}, {formats.size(unpacked.size)}"
    terminal.say(f"restored {selection.text}: {what} in {folder}")
    return 0


def _fill(selection: Selection, inside: Path, unpacked: Unpacked, progress: Progress) -> None:
    """Write the selection into a fresh folder."""
    for path, content in selection.sources.items():
        progress.show("restoring")
        take = _tree if content.is_folder else _file
        found = take(selection, path, inside, progress)
        _must_be_as_large(path, found.size, content.bounds)
        unpacked.add(found)


def _tree(selection: Selection, path: str, folder: Path, progress: Progress) -> Unpacked:
    words = ("dump", "--no-lock", "--archive", "tar", f"{selection.snapshot['id']}:{path}", "/")
    running = selection.part.run("backup-runner", "restic", *words)
    chunks, bounds = progress.counting(running.chunks), selection.sources[path].bounds
    try:
        unpacked = untar.into(chunks, folder, bounds)
    except ClusterError:
        _must_be_whole(running.end)  # why it ended too early
        raise
    _must_be_whole(running.end)
    return unpacked


def _file(selection: Selection, path: str, folder: Path, progress: Progress) -> Unpacked:
    words = ("dump", "--no-lock", str(selection.snapshot["id"]), path)
    running = selection.part.run("backup-runner", "restic", *words)
    most, name, total = selection.sources[path].bounds.size, posixpath.basename(path), 0
    # An earlier source may have brought a link of that name.
    (folder / name).unlink(missing_ok=True)
    with os.fdopen(os.open(folder / name, writer.NEW_FILE, _MODE), "wb") as file:
        for chunk in progress.counting(running.chunks):
            total += file.write(chunk)
            if total > most:
                raise ClusterError(
                    f"{path} is larger than in the snapshot, which has {formats.size(most)}"
                )
    _must_be_whole(running.end)
    return Unpacked(1, total)


def _must_be_as_large(path: str, size: int, bounds: Bounds) -> None:
    if size != bounds.size:
        came, held = formats.size(size), formats.size(bounds.size)
        raise ClusterError(
            f"the transfer is incomplete: {came} of {path} arrived, the snapshot has {held}"
        )


def _must_be_whole(end: Answer) -> None:
    if end.code:
        said = formats.plain(end.said) or f"restic exits with {end.code}"
        raise ClusterError(f"the transfer is incomplete: {said}")
