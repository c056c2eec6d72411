"""Snapshots whose times cannot be right hold retention."""

from datetime import timedelta

import pytest

from runner.maintenance.retention.clock import doubt
from tests.runner.config.workload import NOW

HOURLY = [NOW - timedelta(hours=hours) for hours in range(48)]
AGO = NOW - timedelta(days=400)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ([], ""),
        (HOURLY, ""),
        ([NOW + timedelta(hours=14), *HOURLY], ""),
        ([NOW + timedelta(days=2), *HOURLY], "1 snapshot is from the future"),
        ([NOW, AGO], "nothing was backed up between 2025-10-19 and 2026-11-23"),
        ([NOW, NOW - timedelta(days=8), AGO], ""),
    ],
    ids=["none", "hourly", "another zone", "the future", "a leap", "a leap that lasts"],
)
def test_untrusted_clocks_are_named(made: list[object], said: str) -> None:
    found = doubt(made, NOW)  # type: ignore[arg-type]  # they are times

    assert found.startswith(said)
    assert bool(found) == bool(said)
