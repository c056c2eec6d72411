"""Fixtures of the integration tests: a sidecar with a small volume, and an HTTP receiver."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import app, receiver
from demo.receiver import Receiver
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
