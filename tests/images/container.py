"""Containers of an unpacked image, as strict as the webhook asks for them, made by runc.

Root file system read-only, no capability, no new privileges, no network, the image's user, and
nowhere to write but in what a test mounts.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from tests.images.image import Image

Json = dict[str, Any]
_TIMEOUT = 120.0  # seconds
_NAMESPACES = ("cgroup", "ipc", "mount", "network", "pid", "uts")


@dataclass(frozen=True)
class Mount:
    """A folder of this machine, and where a container sees it."""

    source: Path
    target: str
    writable: bool = False


def run(
    image: Image,
    *command: str,
    mounts: tuple[Mount, ...] = (),
    variables: Mapping[str, str] | None = None,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command in a container of its own, to its end."""
    with _bundle(image, command, mounts, variables or {}) as argv:
        return subprocess.run(
            argv, input=stdin, capture_output=True, text=True, check=False, timeout=_TIMEOUT
        )


def output(image: Image, *command: str) -> str:
    """Run a command that succeeds; return what it prints."""
    done = run(image, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def running(
    image: Image, mounts: tuple[Mount, ...], variables: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Run the image's own command; signals sent to the process reach the container's first."""
    command = [*image.config["Entrypoint"], *image.config.get("Cmd", ())]
    with _bundle(image, command, mounts, variables) as argv:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            yield process


@contextmanager
def _bundle(
    image: Image,
    command: list[str] | tuple[str, ...],
    mounts: tuple[Mount, ...],
    variables: Mapping[str, str],
) -> Iterator[list[str]]:
    """Yield the command that runs the container; leave nothing of it."""
    name = f"image-test-{uuid4().hex[:10]}"
    with TemporaryDirectory() as folder:
        spec = _spec(image, command, mounts, {**image.environment, **variables})
        (Path(folder) / "config.json").write_text(json.dumps(spec))
        runc = ["runc", "--root", f"{folder}/state"]
        try:
            yield [*runc, "run", "--bundle", folder, name]
        finally:
            subprocess.run([*runc, "delete", "--force", name], capture_output=True, check=False)


def _spec(
    image: Image,
    command: list[str] | tuple[str, ...],
    mounts: tuple[Mount, ...],
    variables: Mapping[str, str],
) -> Json:
    """Describe the container in the words of the OCI runtime specification."""
    user, group = map(int, image.config["User"].split(":"))
    return {
        "ociVersion": "1.0.2",
        "root": {"path": str(image.root), "readonly": True},
        "process": {
            "user": {"uid": user, "gid": group},
            "args": list(command),
            "env": [f"{key}={text}" for key, text in variables.items()],
            "cwd": "/",
            "capabilities": {},
            "noNewPrivileges": True,
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
            *map(_bind, mounts),
        ],
        "linux": {"namespaces": [{"type": kind} for kind in _NAMESPACES]},
    }


def _bind(mount: Mount) -> Json:
    options = ["rbind", "rw" if mount.writable else "ro"]
    source = str(mount.source)
    return {"destination": mount.target, "type": "bind", "source": source, "options": options}
