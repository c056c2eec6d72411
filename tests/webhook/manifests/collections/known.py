"""The ten collections, and their files."""

from collections.abc import Iterator

from tests.webhook.manifests.collections.parts import Written
from tests.webhook.manifests.collections.shapes import (
    application_charts,
    batch_and_learning,
    build_systems,
    classic_examples,
    collaboration,
    data_platforms,
    gitops,
    home_operations,
    monitoring_stack,
    operators,
)

COLLECTIONS = {
    module.__name__.rpartition(".")[2]: module.files
    for module in (
        application_charts, batch_and_learning, build_systems, classic_examples, collaboration,
        data_platforms, gitops, home_operations, monitoring_stack, operators,
    )
}  # fmt: skip


def files() -> Iterator[tuple[str, Written]]:
    """Yield each file with the name of its collection."""
    for name, made in COLLECTIONS.items():
        for file in made():
            yield name, file
