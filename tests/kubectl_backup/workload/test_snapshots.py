"""Which of a workload's snapshots is restored."""

import pytest

from contract.snapshots import DOUBTFUL, DUMP
from kubectl_backup.workload import snapshots
from kubectl_backup.workload.snapshots import NoSnapshotError, Snapshot

NOW = 1_764_115_200.0  # 2025-11-26T00:00:00Z


def made(name: str, day: int, *tags: str, path: str = "/backup/data") -> Snapshot:
    """Return a snapshot of a day of November."""
    when = f"2025-11-{day:02}T03:00:00Z"
    return {"id": name, "time": when, "paths": [path], "tags": list(tags)}


OLD = made("aa01", 20)
NEW = made("aa02", 22)
LOST = made("bb03", 24, DOUBTFUL)
DUMPED = made("cc04", 25, f"{DUMP}db", path="/db.sql")
OTHER = made("dd05", 25, path="/backup/data2")


def test_latest_is_the_newest_complete_snapshot_of_volumes() -> None:
    assert snapshots.chosen([OLD, DUMPED, NEW, LOST], "latest") == "aa02"


def test_latest_is_a_doubtful_snapshot_where_there_is_no_other() -> None:
    assert snapshots.chosen([LOST, DUMPED], "latest") == "bb03"


def test_latest_is_never_a_dump() -> None:
    with pytest.raises(NoSnapshotError):
        snapshots.chosen([DUMPED], "latest")


def test_a_short_id_is_enough() -> None:
    assert snapshots.chosen([OLD, NEW, LOST], "bb") == "bb03"


@pytest.mark.parametrize("word", ["aa", "x", ""])
def test_an_ambiguous_id_selects_none(word: str) -> None:
    with pytest.raises(NoSnapshotError):
        snapshots.chosen([OLD, NEW, LOST], word)


def test_a_volume_is_restored_from_its_newest_complete_snapshot() -> None:
    assert snapshots.to_restore([NEW, OLD, LOST], "data", "latest", None)["id"] == "aa02"


def test_a_volume_is_not_restored_from_one_with_a_longer_name() -> None:
    assert snapshots.to_restore([OLD, OTHER], "data", "", None)["id"] == "aa01"


def test_a_folder_of_a_volume_belongs_to_that_volume() -> None:
    inside = made("ee06", 23, path="/backup/data/photos")

    assert snapshots.to_restore([OLD, inside], "data", "", None)["id"] == "ee06"


def test_a_time_selects_the_newest_snapshot_before_it() -> None:
    then = snapshots.when("2025-11-21T00:00:00Z", NOW)

    assert snapshots.to_restore([OLD, NEW], "data", "", then)["id"] == "aa01"


def test_the_time_of_a_snapshot_selects_that_snapshot() -> None:
    then = snapshots.when("2025-11-22T03:00:00Z", NOW)

    assert snapshots.to_restore([OLD, NEW], "data", "", then)["id"] == "aa02"


def test_a_time_before_the_first_snapshot_selects_none() -> None:
    then = snapshots.when("2025-11-19", NOW)

    with pytest.raises(NoSnapshotError, match="2025-11-20"):
        snapshots.to_restore([OLD, NEW], "data", "", then)


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("2h", NOW - 2 * 3600),
        ("3d", NOW - 3 * 86400),
        ("5m", NOW - 300),
        ("2025-11-25", NOW),  # all of that day
        ("2025-11-25T00:00:00Z", NOW - 86400),
        ("2025-11-25T01:00:00+01:00", NOW - 86400),
    ],
)
def test_times_and_durations_are_read(text: str, then: float) -> None:
    assert snapshots.when(text, NOW) == then
