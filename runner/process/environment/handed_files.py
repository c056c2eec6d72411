"""Files for restic and rclone, which read some settings only from files."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def files(texts: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return variables that name files with these texts, each written again; raises OSError.

    Nobody else reads or has written them: what a program finds in them is what was looked at.
    """
    found = {}
    for key, text in texts.items():
        if key not in given:
            continue
        path = Path(given["TMPDIR"], f"{key.lower()}-{os.getpid()}")
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        found[key] = str(path)
    return found


def over(folder: str, name: str, text: bytes) -> str:
    """Return the path of a file with this text; written if needed. Nothing in it is secret.

    Its name tells its text, and everybody may read it: the next container in this pod may run as
    another user. Raises OSError.
    """
    path = Path(folder, f"{name}-{hashlib.sha256(text).hexdigest()[:16]}")
    if path.is_file() and path.stat().st_size == len(text):
        return str(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        Path(unfinished).replace(path)
    except OSError:
        with suppress(OSError):
            Path(unfinished).unlink()
        raise
    return str(path)
