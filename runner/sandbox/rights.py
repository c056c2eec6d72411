"""Detects containers with more permissions than a sidecar, where no command of the Secret runs."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from contract import names

IN_A_POD = "KUBERNETES_SERVICE_HOST"
"""The kubelet sets it in every container."""

_PROC = Path("/proc/self")
_CAPABILITIES = re.compile(r"^CapEff:\s*([0-9a-f]+)$", re.MULTILINE)
_DAC_OVERRIDE = 1 << 1  # the one that a sidecar may have
_OCTAL = re.compile(r"\\([0-7]{3})")  # how spaces are written in a list of mounts


def beyond_a_sidecar(
    environment: Mapping[str, str], *, fills: bool = False, writes: bool = False, proc: Path = _PROC
) -> str:
    """Return what makes this container more than a sidecar; "" for a sidecar, or outside of a pod.

    ``fills``: the command is for init containers alone. ``writes``: it may write to the volumes, so
    that folders which are no mounts count too. What cannot be found out counts as more.
    """
    if fills:
        return "this container writes to the volumes"
    made_by_us = names.ENV_RESTORE_COMMANDS in environment or IN_A_POD in environment
    if not made_by_us and not environment.get(names.ENV_POD):
        return ""
    volumes = environment.get(names.ENV_VOLUMES_DIR, names.VOLUMES_DIR)
    try:
        text = (proc / "mountinfo").read_text("utf-8", "surrogateescape")
        mounts = _outermost(_mounts(text), volumes)
    except (OSError, ValueError, IndexError):
        return "it is unknown whether the volumes are mounted read-only"
    if writable := [path for path, read_only in mounts if not read_only]:
        return f"{writable[0]} is mounted read-write"
    if writes and (path := _writable_folder(volumes)):
        return f"{path} is writable"
    return _more_capabilities(proc) if made_by_us else ""


def _mounts(text: str) -> dict[str, bool]:
    """Return the mounts by path, and whether each is read-only; the last one counts."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        path = _OCTAL.sub(lambda match: chr(int(match[1], 8)), words[4])
        found[path] = "ro" in words[5].split(",")
    return found


def _outermost(mounts: Mapping[str, bool], folder: str) -> Iterable[tuple[str, bool]]:
    """Return the mounts below a folder that are not inside another one."""
    base = folder.rstrip("/")
    below = [path for path in sorted(mounts) if path == base or path.startswith(f"{base}/")]
    found: list[str] = []
    for path in below:
        if not any(path.startswith(f"{outer}/") for outer in found):
            found.append(path)
    return [(path, mounts[path]) for path in found]


def _writable_folder(volumes: str) -> str:
    """Return a folder of a volume on a writable file system; "" if there is none."""
    try:
        for entry in sorted(Path(volumes).iterdir()):
            if not os.statvfs(entry).f_flag & os.ST_RDONLY:
                return str(entry)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return str(error.filename or volumes)
    return ""


def _more_capabilities(proc: Path) -> str:
    try:
        match = _CAPABILITIES.search((proc / "status").read_text())
    except OSError:
        match = None
    held = int(match[1], 16) if match else ~_DAC_OVERRIDE
    return "this container has more capabilities than a sidecar" if held & ~_DAC_OVERRIDE else ""
