"""Fixtures of the integration tests: a sidecar with a small volume, and an HTTP receiver."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import app, receiver
from demo.receiver import Receiver
from tests.cluster.programs import build
from tests.cluster.work import until
from tests.integration.sidecars import Sidecar


@pytest.fixture
def sidecar(tmp_path: Path) -> Sidecar:
    """A sidecar of Deployment prod/wiki, its volume filled, its repository not yet made."""
    made = Sidecar(tmp_path)
    app.write_files(made.volume)
    return made


@pytest.fixture
def web() -> Iterator[Receiver]:
    """A real HTTP server that keeps what is posted to it."""
    with receiver.running() as running:
        yield running


@pytest.fixture
def append_only(tmp_path: Path) -> Iterator[str]:
    """The URL of a real REST server that lets nobody delete."""
    log = tmp_path / "rest.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [build.rclone(), "serve", "restic", "--append-only", "--addr", "127.0.0.1:0",
             str(tmp_path / "served")],
            stdout=output, stderr=subprocess.STDOUT,
        ) as process,
    ):  # fmt: skip
        try:
            listens = re.compile(r"http://127\.0\.0\.1:[0-9]+/")
            until(lambda: bool(listens.search(log.read_text())), "the server listens", 60)
            yield f"rest:{listens.findall(log.read_text())[0]}"
        finally:
            process.terminate()
