"""Extended attributes that cannot be listed, as on some network file systems."""

import ctypes
import errno
import json
import platform
import struct
import subprocess
from pathlib import Path

from tests import needs
from tests.faults.night import Night

_LISTXATTR = {"x86_64": (194, 195, 196), "aarch64": (11, 12, 13)}
_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2


def _refuse() -> None:
    """Let the kernel refuse to list attributes, to this process and all that it starts."""
    numbers = _LISTXATTR[platform.machine()]
    count = len(numbers)
    code = [(0x20, 0, 0, 0)]  # load the system call's number
    code += [(0x15, count - at, 0, number) for at, number in enumerate(numbers)]
    code += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x00050000 | errno.EPERM)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in code))
    head = struct.pack("HxxxxxxP", len(code), ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _SECCOMP, _FILTER, ctypes.c_char_p(head), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "seccomp")


def test_files_without_readable_attributes_are_backed_up(tmp_path: Path) -> None:
    """No file is called unreadable, and retention is not held."""
    if platform.machine() not in _LISTXATTR:
        needs.exception("architecture")
    night = Night(tmp_path)
    for number in range(4):
        night.write(f"new{number}", 1 << 10)

    done = subprocess.run(
        ["backup-runner", "run"], env=night.sidecar._process_environment(), capture_output=True,
        text=True, preexec_fn=_refuse, check=False, timeout=300,
    )  # fmt: skip

    ended = [json.loads(line) for line in done.stdout.splitlines()][-1]
    assert done.returncode == 0, done.stdout
    known = night.sidecar.status()
    assert known["last"]["read_errors"] == 0, ended
    assert not known["held"]
    assert "unreadable" not in known["last"]["message"]
    assert "extended attributes" in known["last"]["message"]
    assert known["last"]["status"] == "warning"
    assert night.ends()["status"] == "success"
