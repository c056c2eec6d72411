"""What a hostile app leaves on its volume, and a tree outside of it that nobody may touch."""

import ctypes
import hashlib
import os
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.work import until

RESTORER = (0, 1, 3, 4)  # CHOWN, DAC_OVERRIDE, FOWNER, FSETID
_EXCHANGE = 2  # RENAME_EXCHANGE
_LONG_AGO = 1_000_000_000
_C = ctypes.CDLL(None, use_errno=True)

Plant = Callable[[Path, Path], object]
"""Takes a path on the volume, where nothing is, and the tree outside."""


def outside(root: Path) -> Path:
    """Make the tree that is none of the volume's; its names are those of the volume's files."""
    (root / "inner").mkdir(parents=True)
    files = ("file", 0o600), ("tool", 0o755), ("inner/file", 0o640), ("linked", 0o600)
    for name, mode in files:
        (root / name).write_text(f"precious {name}\n")
        (root / name).chmod(mode)
    for path in (*root.rglob("*"), root):
        os.utime(path, (_LONG_AGO, _LONG_AGO + 1))  # the next read of it changes the first
    return root


def canary(root: Path) -> dict[str, tuple[object, ...]]:
    """Return what is in a tree: content, owner, mode, times; when files were read last, too.

    But for ``linked``: by its other names, it is a file of the volume.
    """
    found: dict[str, tuple[object, ...]] = {}
    for path in (root, *sorted(root.rglob("*"))):
        seen = path.lstat()
        is_file = stat.S_ISREG(seen.st_mode)
        read = seen.st_atime_ns if is_file and path.name != "linked" else 0
        content = b""
        if is_file:
            number = os.open(path, os.O_RDONLY | os.O_NOATIME)
            with os.fdopen(number, "rb") as file:
                content = file.read()
        digest = hashlib.sha256(content).hexdigest()
        owner = (seen.st_uid, seen.st_gid, seen.st_mode)
        found[str(path.relative_to(root))] = (*owner, seen.st_mtime_ns, read, digest)
    return found


def _listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(path.parent, os.O_RDONLY)
        try:
            listening.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def _loop(path: Path, _outside: Path) -> None:
    path.symlink_to(path.name)


def _relative(path: Path, target: Path) -> None:
    path.symlink_to(os.path.relpath(target, path.parent))


def _hidden(path: Path, target: Path) -> None:
    path.mkdir()
    (path / "inner").symlink_to(target / "inner")
    (path / "file").symlink_to(target / "file")


def _deep(path: Path, target: Path) -> None:
    for _ in range(120):
        path /= "deep"
    path.mkdir(parents=True)
    (path / "file").symlink_to(target)


ANYWHERE: dict[str, Plant] = {
    "link to a folder": lambda path, target: path.symlink_to(target),
    "relative link to a folder": _relative,
    "link to a folder in it": lambda path, target: path.symlink_to(target / "inner"),
    "link to a file": lambda path, target: path.symlink_to(target / "file"),
    "relative link to a file": lambda path, target: _relative(path, target / "file"),
    "dangling link": lambda path, target: path.symlink_to(target / "new"),
    "link in circles": _loop,
    "link to the root": lambda path, _target: path.symlink_to("/"),
    "link to what is above": lambda path, _target: path.symlink_to(".."),
    "link through a process": lambda path, target: path.symlink_to(f"/proc/self/root{target}"),
    "link with many parts": lambda path, target: path.symlink_to(f"{target}/./inner/../inner"),
    "hard link": lambda path, target: path.hardlink_to(target / "linked"),
    "pipe": lambda path, _target: os.mkfifo(path),
    "socket": lambda path, _target: _listen(path),
    "folder with links": _hidden,
    "deep folder": _deep,
    "empty file": lambda path, _target: path.write_bytes(b""),
}
if os.geteuid() == 0:
    ANYWHERE |= {
        "character device": lambda path, _target: os.mknod(
            path, stat.S_IFCHR | 0o600, os.makedev(1, 5)
        ),
        "block device": lambda path, _target: os.mknod(
            path, stat.S_IFBLK | 0o600, os.makedev(7, 250)
        ),
    }
NO_FOLDERS = [name for name in ANYWHERE if "folder with" not in name and "deep" not in name]
ODD_NAMES = ("-rf", "two\nlines", "\x1b[31m", os.fsdecode(b"caf\xe9"), "x" * 250, "*", "a;b", " ")


def _drop(user: int, capabilities: tuple[int, ...]) -> None:
    """Become a user; root keeps these capabilities alone."""
    os.setgroups([])
    if user:
        os.setgid(user)
        os.setuid(user)
        return
    held = sum(1 << number for number in capabilities)
    for number in range(41):
        if not held >> number & 1:
            _C.prctl(24, number, 0, 0, 0)  # PR_CAPBSET_DROP
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    if _C.capset(header, struct.pack("=6I", held, held, 0, 0, 0, 0)):
        raise OSError(ctypes.get_errno(), "capset")


def as_user(user: int, work: Callable[[], None]) -> None:
    """Do some work as a user, or as root with what a restorer may; raise what went wrong."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(reading)
            _drop(user, RESTORER)
            work()
            code = 0
        except BaseException as error:  # noqa: BLE001 -- the parent raises it
            text = f"{type(error).__name__}: {error}"
            os.write(writing, text.encode("utf-8", "backslashreplace")[:60_000])
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read().decode()
    _, status = os.waitpid(child, 0)
    assert status == 0, said


@contextmanager
def swapping(first: Path, second: Path) -> Iterator[Callable[[], int]]:
    """Exchange two names all the time, as fast as the kernel does; gives how often that was."""
    ended, count = threading.Event(), 0
    raw = os.fsencode(first), os.fsencode(second)

    def swap() -> None:
        nonlocal count
        while not ended.is_set():
            if not _C.renameat2(-100, raw[0], -100, raw[1], _EXCHANGE):
                count += 1
            if not count % 64:
                time.sleep(0)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        until(lambda: count > 0, "they are exchanged", 60)
        yield lambda: count
    finally:
        ended.set()
        thread.join()


@contextmanager
def mounted(source: Path, target: Path) -> Iterator[None]:
    """Mount a folder in another place, too."""
    subprocess.run(("mount", "--bind", str(source), str(target)), check=True)
    try:
        yield
    finally:
        # An error that is kept holds folders open.
        subprocess.run(("umount", "--lazy", str(target)), check=True)


def python_of(user: int) -> bool:
    """Whether a user can run this Python and import our code."""
    done = subprocess.run(
        (sys.executable, "-c", "import runner.volume.beneath"),
        user=user, group=user, extra_groups=[],
        cwd="/", capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0
