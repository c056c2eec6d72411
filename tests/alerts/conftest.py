"""All that watches, running once for all tests, and the situations that it is to tell apart."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.alerts import world
from tests.alerts.situations import Planted, plant
from tests.alerts.world import World

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Look at what was planted before any of it is mended, however the tests are named."""
    ours = [item for item in items if _HERE in item.path.parents]
    ordered = iter(sorted(ours, key=lambda item: "mended" in getattr(item, "fixturenames", ())))
    items[:] = [next(ordered) if item in ours else item for item in items]


@pytest.fixture(scope="package")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Pushgateway, Prometheus, Alertmanager and ntfy that work together."""
    with world.watched(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture(scope="package")
def planted(watching: World) -> Planted:
    """Twenty workloads and what has become of them, when all of it is known."""
    made = plant(watching)
    watching.await_alerts(made.alerts)
    return made


@pytest.fixture(scope="package")
def mended(watching: World, planted: Planted) -> Planted:
    """The same after all that can be undone was: for tests that come after those of ``planted``.

    A process of its own that runs only some of the tests has it too.
    """
    watching.await_told({f"firing: {alert.split()[0]}" for alert in planted.alerts})
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda mend: mend(), planted.mends))
    return planted
