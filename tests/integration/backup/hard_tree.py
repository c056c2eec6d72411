"""Trees that are hard to back up: odd names and kinds, a huge sparse file, many files, churn."""

import errno
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

NAMES = (
    b"plain",
    b"two words",
    b" leading and trailing ",
    b"line\nbreak",
    b"carriage\rreturn\ttab",
    b"control \x01\x1b[31m\x7f",
    b"single ' and double \" quotes",
    b"back\\slash and \\n",
    b"-leading-dash",
    b"--target=elsewhere",
    b"*?[glob]{a,b}",
    b"$(echo hi) `echo hi` ${HOME} %s",
    b"~",
    b"...",
    b".hidden",
    b"#hash;semicolon&ampersand|pipe",
    b"Case",
    b"case",
    "composed \u00e9".encode(),
    "decomposed e\u0301".encode(),
    "\U0001f4be".encode(),
    b"latin-1 caf\xe9",
    b"invalid \xff\xfe\x80",
    b"cut short \xe2\x82",
    b"n" * 255,
    b"-" + "\u00e9".encode() * 127,
    b"\xff" * 255,
)
"""Names of one directory each and one file in it; three are as long as Linux allows."""

TARGETS = {
    "to a file": b"names/plain/plain",
    "to a directory": b"names",
    "to the parent": b"..",
    "absolute": b"/etc/hostname",
    "dangling": b"no such name",
    "loop to itself": b"loop to itself",
    "loop one": b"loop two",
    "loop two": b"loop one",
    "invalid target": b"caf\xe9\n\xff",
    "long target": b"t/" * 1000,
}

MODES = {
    "setuid": 0o4755,
    "setgid": 0o2755,
    "both, and sticky": 0o7711,
    "read only": 0o444,
    "for all": 0o666,
    "private": 0o600,
}

MTIMES = (
    1,  # 1970, one nanosecond in
    86_399_999_999_999,  # 1970, one nanosecond before its second day
    1_000_000_000_123_456_789,  # 2001
    2**31 * 10**9 + 1,  # 2038, beyond signed 32 bits
    2**32 * 10**9 + 999_999_999,  # 2106, beyond unsigned 32 bits
)
"""Nanoseconds since the epoch, given to the tree's names in turn."""

OWNERS = ((1000, 1000), (65534, 65534), (0, 4_000_000_000))
DEPTH = 60
KEPT = 50


def build_hard_tree(root: Path) -> None:
    """Fill ``root``, made when absent, with what a backup may stumble over; about 160 names.

    As root, also other owners, a file without any permission and a character device, each left
    out where the system refuses it; extended attributes likewise. All is readable by its builder.
    """
    root.mkdir(parents=True, exist_ok=True)
    _add_names(root / "names")
    _add_empty_and_deep(root)
    _add_links(root)
    _add_special(root / "special")
    _add_xattrs(root / "xattrs")
    if os.geteuid() == 0:
        _add_owners(root / "owners")
    _add_modes(root / "modes")
    _set_mtimes(root)


def build_sparse(root: Path, size: int = 2 << 30) -> Path:
    """Return a new sparse file of ``size`` bytes (1 MiB at least), with data at few offsets."""
    root.mkdir(parents=True, exist_ok=True)
    path = root / "sparse"
    with path.open("wb") as file:
        file.truncate(size)
        # At the start, at no block's edge, across blocks, and in the very last byte.
        for offset, data in (
            (0, b"a"),
            (4097, b"b"),
            (size // 3, b"c" * 200_000),
            (size - 1, b"d"),
        ):
            file.seek(offset)
            file.write(data)
    return path


def build_many(root: Path, count: int = 100_000) -> None:
    """Write ``count`` files, each of a few bytes of its own, in folders of 1000."""
    for start in range(0, count, 1000):
        folder = root / f"{start // 1000:04}"
        folder.mkdir(parents=True)
        for number in range(start, min(start + 1000, count)):
            # Not Path.write_bytes(): a hundred thousand of them take half as long again.
            descriptor = os.open(f"{folder}/{number:06}", os.O_WRONLY | os.O_CREAT, 0o644)
            os.write(descriptor, b"%d\n" % number)
            os.close(descriptor)


@contextmanager
def churn(root: Path) -> Iterator[None]:
    """Append to ``root/log``, and create and delete ``root/churn-*``, until the block is left.

    About 1000 rounds and 1 MiB a second; the last 50 files stay. Raises what the writer raised.
    """
    root.mkdir(parents=True, exist_ok=True)
    begun, stop = Event(), Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        writing = pool.submit(_keep_writing, root, begun, stop)
        writing.add_done_callback(lambda _: begun.set())
        begun.wait()
        try:
            yield
        finally:
            stop.set()
            writing.result()


def _keep_writing(root: Path, begun: Event, stop: Event) -> None:
    number = 0
    with (root / "log").open("ab", buffering=0) as log:
        begun.set()
        while not stop.wait(0.001):
            log.write(b"%1023d\n" % number)
            (root / f"churn-{number}").write_bytes(b"%d\n" % number)
            if number >= KEPT:
                (root / f"churn-{number - KEPT}").unlink()
            number += 1


def _add_names(folder: Path) -> None:
    for name in map(os.fsdecode, NAMES):
        (folder / name).mkdir(parents=True)
        (folder / name / name).write_bytes(os.fsencode(name))


def _add_empty_and_deep(root: Path) -> None:
    (root / "empty file").touch()
    (root / "empty directory").mkdir()
    # Some 2000 bytes: well below Linux's 4096 for a path, wherever the tree lies or is restored.
    deep = root.joinpath(*(f"level {level:02} of a very deep path" for level in range(DEPTH)))
    deep.mkdir(parents=True)
    (deep / "bottom").write_text("reached\n")


def _add_links(root: Path) -> None:
    for name, target in TARGETS.items():
        (root / name).symlink_to(os.fsdecode(target))
    first = root / "linked first"
    first.write_text("one inode, three names\n")
    (root / "linked second").hardlink_to(first)
    (root / "names" / "linked third").hardlink_to(first)
    (root / "linked pair one").write_text("one inode, three names\n")  # same bytes, other inode
    (root / "linked pair two").hardlink_to(root / "linked pair one")


def _add_special(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "fifo")
    # Not bind(): it refuses paths longer than 107 bytes.
    os.mknod(folder / "socket", stat.S_IFSOCK | 0o640)


def _add_xattrs(folder: Path) -> None:
    folder.mkdir()
    file = folder / "file"
    file.touch()
    try:
        for path in (folder, file):
            os.setxattr(path, "user.text", "caf\u00e9".encode())
            os.setxattr(path, "user.binary", bytes(range(256)))
            os.setxattr(path, "user.empty", b"")
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise


def _add_modes(folder: Path) -> None:
    folder.mkdir()
    for name, mode in MODES.items():
        (folder / name).write_text(f"{mode:o}\n")
        (folder / name).chmod(mode)
    for name, mode in {"sticky": 0o1777, "inherits its group": 0o2775, "read only": 0o555}.items():
        (folder / f"directory, {name}").mkdir()
        (folder / f"directory, {name}").chmod(mode)


def _add_owners(folder: Path) -> None:
    folder.mkdir()
    for uid, gid in OWNERS:
        owned = folder / f"{uid} and {gid}"
        owned.mkdir()
        (owned / "file").write_text(f"{uid}:{gid}\n")
        (owned / "link").symlink_to("file")
        for path in (owned / "file", owned / "link", owned):
            with suppress(OSError):  # a user namespace may know no such owner
                os.chown(path, uid, gid, follow_symlinks=False)
    (folder / "no permission").write_text("readable by root\n")
    (folder / "no permission").chmod(0)
    with suppress(PermissionError):
        os.mknod(folder / "null", stat.S_IFCHR | 0o620, os.makedev(1, 3))


def _set_mtimes(root: Path) -> None:
    # Last, since each name added sets its directory's time.
    number = 0
    for folder, directories, files in os.walk(root):
        directories.sort()
        for name in (".", *sorted(directories + files)):
            moment = MTIMES[number % len(MTIMES)]
            os.utime(f"{folder}/{name}", ns=(moment, moment), follow_symlinks=False)
            number += 1
