"""Compares restored files with the snapshot one by one: restic's report is no proof.

restic reports a refused ``chmod`` alike whether it kept a file from its owner or from its content,
counts files whose content it could not write as updated, and is silent about owners that it could
not set where it is not root. So each file is looked at, and the content of each that is in doubt
is compared with the snapshot's, by restic itself.
"""

import fcntl
import os
import stat
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from runner.restic import queries
from runner.restore.files import nodes
from runner.restore.files.nodes import Json, Node
from runner.restore.files.place import Place, shown
from runner.session.executor import Executor
from runner.steps import damage, failure_patterns
from runner.steps.outcome import Failure
from runner.steps.step import failed
from runner.volume.beneath import Folder

_CHOSEN = 100  # paths up to which restic is faster with each named than with all
_NAMED = 1000  # that are listed
_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS
_FLAGS = {0x10: "it is immutable (chattr -i)", 0x20: "it is append-only (chattr -a)"}
_OF_THE_VOLUME = (
    "operation not permitted", "permission denied", "text file busy", "read-only file system",
    "is a directory", "directory not empty", "not a directory", "device or resource busy",
    "function not implemented", "operation not supported",
)  # fmt: skip


@dataclass(slots=True)
class Verified:
    """What is not as it was. ``failed``: paths here, and why; ``refused``: only owner or the like.

    ``devices`` are missing: no container may make them, and they have no content.
    ``paths``: of what failed, as it is called in the snapshot.
    """

    failed: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    refusals: int = 0
    devices: list[str] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    def refuse(self, path: str) -> None:
        """Note a file whose owner or the like could not be restored."""
        self.refusals += 1
        if len(self.refused) < _NAMED:
            self.refused.append(shown(path))

    def add(self, other: "Verified") -> None:
        """Take over what another one found."""
        self.failed |= other.failed
        self.refused += other.refused
        self.refusals += other.refusals
        self.devices += other.devices
        self.paths |= other.paths


def verify(
    executor: Executor, snapshot: str, place: Place, paths: tuple[str, ...],
    said: Mapping[str, str], *, folders: bool = True,
) -> Verified:  # fmt: skip
    """Compare everything at or below ``paths`` of a snapshot; raise RunEnded if that cannot be.

    ``said``: what restic said of paths in the snapshot while it restored them. ``folders``: their
    owners and modes count, too; those around copies of databases are our own.
    """
    errors = {path: why for path, why in said.items() if path.startswith(f"{place.inside}/")}
    seen = _Seen(place, errors, folders=folders)
    done = executor.execute(queries.nodes(snapshot, paths, seen.hear, deep=True))
    if done.code or done.stopped:
        raise failed(done, "the restored files cannot be compared: the snapshot cannot be read")
    same = _with_same_content(executor, snapshot, place, paths, tuple(seen.doubted))
    for path, node in seen.doubted.items():
        if path in same or _is_linked(place, node, same, seen.doubted):
            if path in errors or not seen.has_its_owner(node):
                seen.found.refuse(place.of(path))
        else:
            seen.fail(path, "differs from the snapshot")
    for path in errors.keys() - seen.heard if folders else ():
        seen.found.refuse(place.of(path))  # a folder above, which was not requested
    return seen.found


class _Seen:
    """Receives each node of a snapshot and checks the file in its place."""

    def __init__(self, place: Place, errors: Mapping[str, str], *, folders: bool) -> None:
        self._place = place
        self._errors = errors
        self._folders = folders
        self.found = Verified()
        self.doubted: dict[str, Node] = {}
        self.heard: set[str] = set()  # of those with errors

    def hear(self, message: Json) -> None:
        """Look at one node."""
        node = nodes.read(message)
        if node is None or not node.path.startswith(f"{self._place.inside}/"):
            return
        path = node.path
        if path in self._errors:
            self.heard.add(path)
        here = self._place.lstat(path)
        if lack := nodes.lack(node, here):
            if node.is_device and here is None:
                self.found.devices.append(shown(self._place.of(path)))
            else:
                self.fail(path, lack)
        elif here is None or (node.is_folder and not self._folders):
            return
        elif node.is_file and (path in self._errors or not nodes.has_its_time(node, here)):
            self.doubted[path] = node
        elif path in self._errors or not nodes.has_its_owner(node, here):
            self.found.refuse(self._place.of(path))

    def has_its_owner(self, node: Node) -> bool:
        """Whether a file with the right content has the right owner, permissions and time."""
        here = self._place.lstat(node.path)
        return here is not None and (
            nodes.has_its_owner(node, here) and nodes.has_its_time(node, here)
        )

    def fail(self, path: str, lack: str) -> None:
        """Note a file that is not restored, and why."""
        here = self._place.of(path)
        said = self._errors.get(path, "")
        said = said.partition(here)[2].lstrip(" :") or said
        why = _flag(self._place, path) or said or "it changed or vanished while it was restored"
        self.found.failed[shown(here)] = f"{lack}: {why}"
        self.found.paths.add(path)


def _with_same_content(
    executor: Executor,
    snapshot: str,
    place: Place,
    paths: tuple[str, ...],
    doubted: tuple[str, ...],
) -> set[str]:
    """Return the files that restic would not change: by content, with any time."""
    if not doubted:
        return set()
    same: set[str] = set()

    def hear(message: Json) -> None:
        if message.get("action") == "unchanged":
            same.add(f"{place.inside}{message.get('item', '')}")

    chosen = doubted if len(doubted) <= _CHOSEN else paths
    inside = tuple(path[len(place.inside) :] for path in chosen)
    step = queries.compare(f"{snapshot}:{place.inside or '/'}", place.reached, inside, hear)
    done = executor.execute(step)
    if done.stopped or (done.code and not done.unreadable):
        raise failed(done, "the restored files cannot be compared")
    return same


def _is_linked(place: Place, node: Node, same: set[str], doubted: Mapping[str, Node]) -> bool:
    """Whether a file is a hard link of one with the right content: restic compares only one."""
    here = place.lstat(node.path)
    for path in same if here else ():
        other = doubted.get(path)
        there = place.lstat(path) if other and other.inode == node.inode else None
        if here and there and os.path.samestat(here, there):
            return True
    return False


def _flag(place: Place, path: str) -> str:
    """Return the file system flag that protects a file or its folder; "" if there is none."""
    with suppress(OSError), place.above(path) as (folder, name):
        for each, whose in ((name, "it is"), (".", "its folder is")):
            with suppress(OSError):
                flags = _flags(folder, each)
                for bit, what in _FLAGS.items():
                    if flags & bit:
                        return what.replace("it is", whose)
    return ""


def _flags(folder: Folder, name: str) -> int:
    here = folder.descriptor
    found = os.stat(name, dir_fd=here, follow_symlinks=False)
    if stat.S_IFMT(found.st_mode) not in {stat.S_IFREG, stat.S_IFDIR}:
        return 0  # to open a device may do something
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
    try:
        answer = fcntl.ioctl(descriptor, _GET_FLAGS, bytes(8))
    finally:
        os.close(descriptor)
    flags: int = struct.unpack("=I4x", answer)[0]
    return flags


def failure_of(reasons: Iterable[str]) -> Failure:
    """Return the class of files that were not restored for these reasons."""
    reasons = tuple(reasons)
    if any(map(damage.is_damage, reasons)):
        return Failure.REPOSITORY
    said = "\n".join(reasons).lower()
    meant = failure_patterns.meaning(said)
    if meant == Failure.SPACE:
        return meant
    if any(each in said for each in (*_OF_THE_VOLUME, "chattr", "while it was restored")):
        return Failure.SOURCE
    return meant or Failure.RESTIC
