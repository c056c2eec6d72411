"""The C library of this process, for system calls that Python does not offer: an edge.

Importing this costs memory, and not every Python has ctypes: modules of the first tick import it
where they call it.
"""

import ctypes
import os
from functools import cache


@cache
def libc() -> ctypes.CDLL:
    """Return the C library, loaded once; a call that fails leaves its errno to `error`."""
    return ctypes.CDLL(None, use_errno=True)


def error(name: str) -> OSError:
    """Return why the last call failed, as an error about a file or call of this name."""
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), name)
