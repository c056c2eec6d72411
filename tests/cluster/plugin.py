"""Tests that need a cluster are marked `cluster` and left out unless `--cluster` is given."""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that lets these tests run."""
    parser.addoption(
        "--cluster",
        action="store_true",
        help="also run the tests that need a Kubernetes cluster (started here where none runs)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "cluster: needs a real Kubernetes cluster")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark everything in this folder; without the option, leave out all that is marked."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker("cluster")
    if config.getoption("--cluster"):
        return
    kept = [item for item in items if item.get_closest_marker("cluster") is None]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
