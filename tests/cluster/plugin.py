"""Tests that need a cluster or its images are left out unless `--cluster` is given.

They are marked `cluster`. All of them share one test cluster, with or without a node. What changes
the release, the node or the control plane is marked `alone` besides: the rest may run at the same
time, in a namespace each.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.node import shared
from tests.cluster.node.cluster import Cluster

_TESTS = Path(__file__).parents[1]
_ALONE = _TESTS / "apiserver"
_FOLDERS = (_ALONE, _TESTS / "images", _TESTS / "cluster")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that lets these tests run."""
    parser.addoption(
        "--cluster",
        action="store_true",
        help="also run the tests that need a Kubernetes cluster (started here where none runs), "
        "and those of the images",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks known."""
    config.addinivalue_line("markers", "cluster: needs a real Kubernetes cluster, or its images")
    config.addinivalue_line("markers", "alone: no other test may use the cluster meanwhile")
    config.addinivalue_line("markers", "long: begins before others, since it ends last")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark everything in these folders; without the option, leave out all that is marked.

    With it, what is marked `long` begins first.
    """
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in _FOLDERS):
            item.add_marker("cluster")
        if item.path.is_relative_to(_ALONE):
            item.add_marker("alone")
    if config.getoption("--cluster"):
        items.sort(key=lambda item: item.get_closest_marker("long") is None)
        return
    kept = [item for item in items if item.get_closest_marker("cluster") is None]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


@pytest.fixture(scope="session")
def own_cluster() -> Iterator[Cluster]:
    """The one test cluster, not started; after the tests it ends, unless it ran before them."""
    own = Cluster()
    with shared.use("cluster", lambda: not own.is_running(), own.stop):
        yield own
