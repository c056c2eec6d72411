"""Databases restored from copies: removes files in their way, and restores their folders."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from runner.restic import queries
from runner.restore.files import nodes
from runner.restore.files.place import Place, shown
from runner.restore.request import Done, Json
from runner.session.executor import Executor
from runner.volume import moving

ENDS = ("-wal", "-shm", "-journal")  # of a database that is replaced: they belong to the old one

Around = list[tuple[str, os.stat_result | None]]


def named(databases: tuple[str, ...]) -> Iterator[str]:
    """Yield the databases and what may belong to them."""
    for each in databases:
        yield from (f"{each}{end}" for end in ("", *ENDS))


def clear(
    place: Place, databases: tuple[str, ...], done: Done, *, dry_run: bool
) -> tuple[str, ...]:
    """Remove what belongs to databases that are replaced; return those that can be.

    Where one cannot be written, what belongs to it stays: it holds what was committed. Where that
    cannot be removed, the database stays as it is: it would spoil the other one.
    """
    ready: list[str] = []
    for path in databases:
        if _is_behind_a_link(place, path):
            ready.append(path)  # the link gives way to a folder
            continue
        try:
            if not dry_run:
                _must_be_replaceable(place, path)
            for end in ENDS:
                _remove(place, f"{path}{end}", done, dry_run=dry_run)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            which = shown(error.filename or place.of(path))
            done.failed[shown(place.of(path))] = f"cannot be replaced: {which}: {why}"
        else:
            ready.append(path)
    return tuple(ready)


def _remove(place: Place, path: str, done: Done, *, dry_run: bool) -> None:
    found = place.lstat(path)
    if found is None:
        return
    if not dry_run:
        with place.above(path) as (folder, name):
            os.unlink(name, dir_fd=folder.descriptor)
    done.tally.count("deleted", shown(place.of(path)), found.st_size)


def _is_behind_a_link(place: Place, path: str) -> bool:
    return any(found and stat.S_ISLNK(found.st_mode) for _, found in above(place, (path,)))


def _must_be_replaceable(place: Place, path: str) -> None:
    """Raise OSError if a file cannot be written."""
    found = place.lstat(path)
    # Of a file with further names restic makes a new one.
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        return
    with place.above(path) as (folder, name):
        try:
            os.close(folder.file(name, os.O_WRONLY))
        except PermissionError:
            passed = os.open(
                name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.descriptor
            )
            try:
                os.chmod(f"/proc/self/fd/{passed}", 0o600)  # noqa: PTH101 -- as restic does it, too
            finally:
                os.close(passed)
            os.close(folder.file(name, os.O_WRONLY))


def above(place: Place, paths: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result | None]]:
    """Yield the folders that contain these paths, the innermost first, and their state."""
    seen: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while len(folder) > len(place.inside) and folder not in seen:
            seen.add(folder)
            yield folder, place.lstat(folder)
            folder = folder.rpartition("/")[0]


def give_back(executor: Executor, snapshot: str, place: Place, around: Around) -> None:
    """Give folders around databases what they had, or have in the snapshot.

    restic gave them what those around the copies have, which are our own.
    """
    for path, found in around:
        if found is not None:
            owner, mode = (found.st_uid, found.st_gid), stat.S_IMODE(found.st_mode)
            _set(place, path, owner, mode, (found.st_atime_ns, found.st_mtime_ns))
    new = tuple(path for path, found in around if found is None)

    def hear(message: Json) -> None:
        node = nodes.read(message)
        if node is not None and node.path in new:
            time = (node.mtime or 0) * 1000
            _set(place, node.path, (node.uid, node.gid), node.mode, (time, time))

    if new:
        executor.execute(queries.nodes(snapshot, new, hear, deep=False))


def _set(
    place: Place, path: str, owner: tuple[int, int], mode: int, times: tuple[int, int]
) -> None:
    with suppress(OSError), place.root.passage(place.below(path)) as folder:
        with suppress(PermissionError):
            os.chown(folder.link, *owner)
        moving.chmod(folder, mode)
        os.utime(folder.link, ns=times)
