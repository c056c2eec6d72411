"""What can become of the folders that are to be backed up."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.night import Night

KEEPS = tuple(f"KEEP_{each}" for each in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"))


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night with one snapshot behind it."""
    return Night(tmp_path)


@contextmanager
def _away(folder: Path) -> Iterator[None]:
    aside = folder.parent.parent / f"{folder.name}.aside"  # beside what is mounted
    folder.rename(aside)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_a_volume_that_is_empty_three_times(night: Night, kept: int) -> None:
    """Three empty snapshots would push out the good ones."""
    night.sidecar.change_secret(**dict.fromkeys(KEEPS, "0"), KEEP_LAST=str(kept))
    with _away(night.sidecar.volume):
        night.sidecar.volume.mkdir()
        for _ in range(3):
            night.make_chores_due()
            night.back_up("failure", "source")

        assert night.sidecar.status()["held"] is True
    assert night.ends()["status"] == "success"
