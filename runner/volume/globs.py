"""Finds the files on a volume that globs match, without following a link of the app's.

Folders are opened by descriptors, part by part, so that one which becomes a link meanwhile leads
nowhere. Memory does not grow with the volume.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath

from runner.volume import held_files, links

_ANY = "**"
_MAGIC = frozenset("*?[")
_LONGEST = 2048  # bytes of a path below the volume's root: a copy of it lies in a longer one


@dataclass(frozen=True, slots=True, order=True)
class File:
    """A file that may be gone, or something else, by now.

    ``path`` is how snapshots name it. It lies in the folder ``parts`` beneath ``root``, of which
    no part was a link.
    """

    path: str
    root: str
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name in its folder."""
        return self.path.rpartition("/")[2]


def find(source: str, anchor: str, glob: str) -> Iterator[File]:
    """Yield what a glob matches below ``source``, and is neither a folder nor a link.

    ``anchor`` is the folder that links in the path of the source must not leave; "" for any. Links
    in what of the glob holds no wildcard are followed where they stay in the source.
    """
    pattern = PurePath(glob).parts
    fixed = next((n for n, part in enumerate(pattern) if _MAGIC & set(part)), len(pattern))
    head = pattern[: min(fixed, len(pattern) - 1)]
    try:
        real = links.beneath(anchor, source).path
        start = links.beneath(real, "/".join((real.rstrip("/"), *head))).path
    except (links.LinkError, OSError):
        return
    root = anchor or "/"
    above = tuple(filter(None, start.removeprefix(root).split("/")))
    shown = source.rstrip("/") + start.removeprefix(real.rstrip("/")).rstrip("/")
    for inner, name in _walk(root, above, pattern[len(head) :]):
        yield File("/".join((shown, *inner, name)), root, (*above, *inner))


def _walk(
    root: str, above: tuple[str, ...], pattern: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield matching files below a folder: the folders that they are in, and their names."""
    left: list[tuple[tuple[str, ...], frozenset[int]]] = [((), _closed(pattern, {0}))]
    while left:
        inner, places = left.pop()
        try:
            for name, is_folder in _entries(root, (*above, *inner)):
                next_places = {n for place in places for n in _after(pattern, place, name)}
                if not is_folder:
                    if len(pattern) in next_places:
                        yield inner, name
                elif further := _closed(pattern, next_places) - {len(pattern)}:
                    below = (*inner, name)
                    if len(os.fsencode("/".join(below))) < _LONGEST:
                        left.append((below, further))
        except OSError:
            continue  # it is gone, or became a link; restic names what it cannot read


def _entries(root: str, parts: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Yield names in a folder, without those of links, and whether they are folders."""
    here = held_files.folder(root, parts)
    try:
        listing = held_files.listing(here)
    finally:
        os.close(here)
    try:
        with os.scandir(listing) as entries:
            for entry in entries:
                if not entry.is_symlink():
                    yield entry.name, entry.is_dir(follow_symlinks=False)
    finally:
        os.close(listing)


def _closed(pattern: tuple[str, ...], places: set[int]) -> frozenset[int]:
    """Return the positions in a pattern where it may continue: ``**`` may match no folder."""
    found = set(places)
    for place in range(len(pattern) - 1):
        if place in found and pattern[place] == _ANY:
            found.add(place + 1)
    return frozenset(found)


def _after(pattern: tuple[str, ...], place: int, name: str) -> Iterator[int]:
    """Yield the positions in a pattern after one more name."""
    if place == len(pattern):
        return
    if pattern[place] == _ANY:
        yield place
        if place == len(pattern) - 1:
            yield place + 1
    elif fnmatchcase(name, pattern[place]):
        yield place + 1
