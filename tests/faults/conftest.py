"""Every night is heard of by real receivers, which run as long as the tests do."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.night import Night
from tests.faults.told import Receivers
from tests.services import ntfy, pushgateway


@pytest.fixture(scope="session", autouse=True)
def receivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receivers | None]:
    """A real ntfy and Pushgateway; None where they cannot be had, and nothing is asked of them."""
    folder = tmp_path_factory.mktemp("receivers")
    with ExitStack() as servers:
        try:
            Night.receivers = Receivers(
                ntfy=f"http://{servers.enter_context(ntfy.serve(folder))}",
                pushgateway=servers.enter_context(pushgateway.serve(folder)),
            )
        except pytest.skip.Exception:  # tests of theirs alone say why
            Night.receivers = None
        yield Night.receivers
        Night.receivers = None
