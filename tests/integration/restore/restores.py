"""Pods that restore: what their init container does, by real restic."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar

from demo import trees
from demo.kubelet import Container
from tests.faults.night import children
from tests.faults.repository import sealing
from tests.integration.sidecars import PASSWORD, Json, Sidecar, Tree, contents

QUICK = {
    "BACKUP_RESTORE": "if-empty",
    "BACKUP_RESTORE_SECONDS": "1",
    "BACKUP_RESTORE_PAUSE_SECONDS": "0.2",
    "BACKUP_RESTORE_STALE_SECONDS": "3",
}


class _Backed(Protocol):
    repository: Path


T = TypeVar("T", bound=_Backed)


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp())
    sealing.make_quick(folder / "repository", PASSWORD)
    return folder / "repository"


def with_repository(sidecar: T) -> T:
    """Give it a new repository that opens at once."""
    shutil.copytree(_template(), sidecar.repository)
    return sidecar


class Start:
    """The start of a pod with this sidecar's volumes; ``told`` is its termination message."""

    def __init__(self, sidecar: Container, pod: str = "", **variables: str) -> None:
        self.sidecar = sidecar
        self._message = sidecar.root / f"termination-log{pod}"
        self._message.write_text("")
        named = {"BACKUP_POD": pod} if pod else {}
        paths = {"BACKUP_TERMINATION_LOG": str(self._message)}
        self.environment = {
            **sidecar._process_environment(), **QUICK, **paths, **named, **variables,
        }  # fmt: skip
        self.lines: list[Json] = []

    @property
    def told(self) -> str:
        """What `kubectl describe pod` shows."""
        return self._message.read_text()

    @property
    def said(self) -> str:
        """All messages of its log."""
        return "\n".join(str(line["message"]) for line in self.lines)

    def run(self, expected: int = 0) -> "Start":
        """Run the init container to its end."""
        with self.running() as process:
            self.ends(process, expected)
        return self

    def ends(self, process: subprocess.Popen[str], expected: int = 0) -> None:
        """Wait for its end and keep its log."""
        out, err = process.communicate(timeout=120)
        self.lines = [json.loads(line) for line in out.splitlines()]
        assert not err
        assert process.returncode == expected, out

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """Run the init container while the context lasts."""
        with subprocess.Popen(
            ("backup-runner", "populate"), env=self.environment, cwd="/",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                if process.poll() is None:
                    kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    """End a container as the kernel does when its node goes: everything at once."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGSTOP)  # it starts nothing while we look
    started = children(process.pid)
    for pid in (process.pid, *started):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def lose(sidecar: Sidecar) -> Tree:
    """Return what is in the volume, and make it the new one of a new pod, as is its state."""
    before = tree(sidecar.volume)
    renew(sidecar.volume, sidecar.path("/var/lib/backup"))
    return before


def renew(*folders: Path) -> None:
    """Make folders empty ones."""
    for folder in folders:
        shutil.rmtree(folder)
        folder.mkdir()


def tree(folder: Path) -> Tree:
    """Return what is in a volume; sockets, which no backup holds, are left out."""
    found = contents(trees.capture(folder))
    return {name: entry for name, entry in found.items() if entry.kind != "socket"}


def by_others(sidecar: Sidecar, namespace: str, host: str, kind: str = "Deployment") -> None:
    """Back up the volume as a workload elsewhere does, whose paths are the same in its pod."""
    sidecar.restic(
        "backup", "--host", host, "--tag", f"ns={namespace}", "--tag", f"kind={kind}",
        "--tag", f"workload={host}", "--", str(sidecar.volume),
    )  # fmt: skip


def inside(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(path.name for path in folder.iterdir())
