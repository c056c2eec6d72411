"""What a snapshot may hold goes by whole names of folders, and its time is shown in UTC."""

from datetime import datetime, timedelta, timezone

import pytest

from contract.snapshots import Snapshot, shown


@pytest.mark.parametrize(
    ("path", "may"),
    [
        ("/backup/data", True), ("/backup/data/", True), ("/backup/data/x", True),
        ("/backup", True), ("/backup/data2", False), ("/backup/dat", False), ("/other", False),
    ],
)  # fmt: skip
def test_a_folder_whose_name_has_the_same_prefix_is_another(path: str, *, may: bool) -> None:
    assert Snapshot(paths=("/backup/data",)).may_hold(path) is may


def test_a_moment_of_another_zone_is_shown_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))

    assert shown(datetime(2026, 11, 23, 0, 30, tzinfo=berlin)) == "2026-11-22T23:30:00Z"
