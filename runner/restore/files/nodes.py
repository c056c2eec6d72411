"""Compares a snapshot's node with the file in its place on this machine. Pure."""

import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

Json = dict[str, Any]

UNSAID = "\ufffd"
"""What restic writes for each byte of a name that is not UTF-8."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {
    "file": stat.S_IFREG, "dir": stat.S_IFDIR, "symlink": stat.S_IFLNK, "fifo": stat.S_IFIFO,
    "chardev": stat.S_IFCHR, "dev": stat.S_IFBLK, "socket": stat.S_IFSOCK,
}  # fmt: skip
_WORDS = {
    stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}  # fmt: skip
# As Go writes these bits, and as Linux does.
_SPECIAL = ((1 << 23, stat.S_ISUID), (1 << 22, stat.S_ISGID), (1 << 20, stat.S_ISVTX))
# Microseconds in which file systems count; the last two are those of FAT and of old NFS servers.
_GRAINS = (1, 1_000, 1_000_000, 2_000_000)


class Found(Protocol):
    """What is needed of an ``os.stat_result``."""

    @property
    def st_mode(self) -> int:
        """Type and permissions."""

    @property
    def st_size(self) -> int:
        """Bytes."""

    @property
    def st_mtime_ns(self) -> int:
        """When its content changed last."""

    @property
    def st_uid(self) -> int:
        """Its owner."""

    @property
    def st_gid(self) -> int:
        """Its group."""


@dataclass(frozen=True, slots=True)
class Node:
    """A file, folder or the like of a snapshot. ``mtime``: microseconds, None where not known."""

    path: str
    kind: str
    size: int
    mtime: int | None
    mode: int
    uid: int
    gid: int
    inode: int

    @property
    def is_file(self) -> bool:
        """Whether it has content of its own."""
        return self.kind == "file"

    @property
    def is_folder(self) -> bool:
        """Whether other nodes lie below it."""
        return self.kind == "dir"

    @property
    def is_device(self) -> bool:
        """Whether only root with CAP_MKNOD can make it; it has no content."""
        return self.kind in {"chardev", "dev"}

    def is_type_of(self, mode: int) -> bool:
        """Whether a mode is that of the same type of file."""
        return stat.S_IFMT(mode) == _KINDS.get(self.kind)


def read(message: Json) -> Node | None:
    """Return the node that ``restic ls --json`` tells of; None if it is another message."""
    if message.get("message_type") != "node":
        return None
    return Node(
        path=str(message.get("path", "")),
        kind=str(message.get("type", "")),
        size=int(message.get("size") or 0),
        mtime=moment(message.get("mtime")),
        mode=_mode(int(message.get("mode") or 0)),
        uid=int(message.get("uid") or 0),
        gid=int(message.get("gid") or 0),
        inode=int(message.get("inode") or 0),
    )


def moment(text: object) -> int | None:
    """Return a time of restic's in microseconds since the epoch; None if it is none."""
    try:
        return (datetime.fromisoformat(str(text)) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError, OverflowError):
        return None


def lack(node: Node, found: Found | None) -> str:
    """Return the difference of a restored node except for its content; "" if there is none."""
    if node.kind == "socket":  # who listens makes it; restic restores none
        return ""
    if found is None:
        return "is missing"
    if not node.is_type_of(found.st_mode):
        here = _WORDS.get(stat.S_IFMT(found.st_mode), "something else")
        return f"is {here} instead of {_WORDS.get(_KINDS.get(node.kind, 0), node.kind)}"
    if node.is_file and found.st_size != node.size:
        return f"has {found.st_size} bytes instead of {node.size}"
    return ""


def has_its_time(node: Node, found: Found) -> bool:
    """Whether a file was changed last when it was in the snapshot."""
    if node.mtime is None:
        return False
    here = found.st_mtime_ns // 1000
    return any(node.mtime // grain * grain == here for grain in _GRAINS)


def has_its_owner(node: Node, found: Found) -> bool:
    """Whether owner, group and permissions are those of the snapshot."""
    same = (node.uid, node.gid) == (found.st_uid, found.st_gid)
    return same and (node.kind == "symlink" or node.mode == stat.S_IMODE(found.st_mode))


def plain(path: str) -> str:
    """Return a name in which what is not UTF-8 is one sign, as nobody knows how many it stood for.

    Takes names of restic's and, with surrogates, of this machine.
    """
    if path.isascii():
        return path
    return re.sub(f"{UNSAID}+", UNSAID, re.sub("[\udc80-\udcff]", UNSAID, path))


def _mode(of_go: int) -> int:
    return (of_go & 0o777) | sum(bit for theirs, bit in _SPECIAL if of_go & theirs)
