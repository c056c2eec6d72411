"""All that watches, running once for all tests, and the situations that it is to tell apart."""

from collections.abc import Iterator

import pytest

from tests.alerts import world
from tests.alerts.situations import Planted, plant
from tests.alerts.world import World


@pytest.fixture(scope="session")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Pushgateway, Prometheus, Alertmanager and ntfy that work together."""
    with world.watched(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture(scope="session")
def planted(watching: World) -> Planted:
    """Twenty workloads and what has become of them."""
    return plant(watching)
