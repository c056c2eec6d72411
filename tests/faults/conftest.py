"""What all nights share: real receivers, and the repository that each begins with a copy of."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.network import line
from tests.faults.network.line import Line
from tests.faults.network.told import Receivers
from tests.faults.night import Night
from tests.faults.repository import sealing
from tests.integration.sidecars import PASSWORD
from tests.services import ntfy, pushgateway, rest


@pytest.fixture(scope="session", autouse=True)
def receivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receivers]:
    """A real ntfy and Pushgateway, which hear of each run."""
    folder = tmp_path_factory.mktemp("receivers")
    with ExitStack() as servers:
        Night.receivers = Receivers(
            ntfy=f"http://{servers.enter_context(ntfy.serve(folder))}",
            pushgateway=servers.enter_context(pushgateway.serve(folder)),
        )
        yield Night.receivers


@pytest.fixture(scope="session", autouse=True)
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A repository whose key takes no half second of the processor each time it is opened."""
    Night.template = tmp_path_factory.mktemp("template") / "repository"
    sealing.make_quick(Night.template, PASSWORD)
    yield
    Night.template = None


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Line]:
    """A line to a server of the repositories in the test's folder."""
    with rest.serve(tmp_path) as url, line.to(url) as made:
        yield made
