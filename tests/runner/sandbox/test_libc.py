"""The C library is loaded in one place, and says why a call failed."""

import errno
from pathlib import Path

import pytest

from runner.sandbox import libc

ROOT = Path(libc.__file__).parents[1]


def test_libc_is_loaded_once() -> None:
    assert libc.libc() is libc.libc()
    loading = [file for file in ROOT.rglob("*.py") if "CDLL(" in file.read_text("utf-8")]
    assert loading == [Path(libc.__file__)]


def test_a_failed_call_names_its_error() -> None:
    assert libc.libc().syncfs(-1) == -1
    error = libc.error("volume")

    assert (error.errno, error.filename) == (errno.EBADF, "volume")
    with pytest.raises(OSError, match="Bad file descriptor"):
        raise error
