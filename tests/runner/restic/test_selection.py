"""Which snapshots a restore takes: of whom, of when, and in which order."""

from datetime import UTC, datetime
from typing import Any

import pytest

from contract.snapshots import Snapshot, read
from runner.restic import selection
from runner.restic.selection import Wanted, When
from tests.runner.config.workload import PAGES, UPLOADS, configured

MINE = ("ns=prod", "kind=Deployment", "workload=wiki")
ANY = Wanted("wiki", MINE)


def snapshot(
    number: int, *tags: str, day: int = 0, paths: tuple[str, ...] = (PAGES,)
) -> dict[str, Any]:
    """Return a snapshot as restic lists it."""
    return {
        "id": f"{number:064x}",
        "time": f"2026-11-{day or number:02}T03:00:00Z",
        "hostname": "wiki",
        "paths": list(paths),
        "tags": [*MINE, *tags],
    }


def known(*found: dict[str, Any]) -> list[Snapshot]:
    """Return what is made of a list of restic's."""
    return selection.snapshots(configured(), map(read, found))


def numbers(found: list[Snapshot]) -> list[int]:
    """Return which of the snapshots these are."""
    return [int(each.id, 16) for each in found]


def test_the_newest_snapshot_comes_first_in_any_listing_order() -> None:
    assert numbers(selection.in_order(ANY, known(snapshot(2), snapshot(3), snapshot(1)))) == [
        3,
        2,
        1,
    ]


def test_doubtful_snapshots_come_last_and_dumps_are_left_out() -> None:
    found = known(snapshot(1), snapshot(2), snapshot(3, "doubtful"), snapshot(4, "dump=postgres"))

    assert numbers(selection.in_order(ANY, found)) == [2, 1, 3]
    assert [each.is_doubtful for each in found] == [False, False, True]


def test_a_time_selects_snapshots_up_to_it() -> None:
    at = Wanted("wiki", MINE, datetime(2026, 11, 2, 3, tzinfo=UTC))

    assert numbers(selection.in_order(at, known(*map(snapshot, (1, 2, 3))))) == [2, 1]


def test_a_time_before_the_oldest_selects_none_and_names_the_oldest() -> None:
    at = Wanted("wiki", MINE, datetime(2026, 10, 1, tzinfo=UTC))

    with pytest.raises(LookupError, match=r"of 2026-10-01T00:00:00Z or before .* 2026-11-01T03"):
        selection.in_order(at, known(snapshot(1)))
    assert selection.in_order(at, []) == []


def test_a_named_snapshot_is_the_only_candidate() -> None:
    found = known(snapshot(1), snapshot(2, "doubtful"))

    assert numbers(selection.in_order(Wanted("wiki", MINE, snapshot=found[1].id), found)) == [2]
    for beginning in ("0" * 8, "f" * 8):
        with pytest.raises(LookupError, match=f"; the newest is snapshot {found[1].id[:8]} of "):
            selection.in_order(Wanted("wiki", MINE, snapshot=beginning), found)
    with pytest.raises(LookupError, match=r"\)$"):
        selection.in_order(Wanted("wiki", MINE, snapshot="f" * 8), [])


def test_a_host_of_two_workloads_is_ambiguous() -> None:
    other = dict(snapshot(2), tags=["ns=prod", "kind=StatefulSet", "workload=wiki"])

    with pytest.raises(LookupError, match="kind=Deployment, workload=wiki; kind=StatefulSet"):
        selection.in_order(Wanted("wiki", ("ns=prod",)), known(snapshot(1), other))


def test_snapshots_of_several_clusters_are_ambiguous_unless_one_is_its_own() -> None:
    """restic's filter by tags takes what has more of them too."""
    home, away = snapshot(1), snapshot(2, "cluster=away")
    third = snapshot(3, "cluster=third")

    assert numbers(selection.in_order(ANY, known(home, away))) == [1]
    assert numbers(selection.in_order(ANY, known(away))) == [2]
    for found in ((home, away), (away, third)):
        with pytest.raises(LookupError, match=r"more than one workload .*cluster=away"):
            selection.in_order(Wanted("wiki", ("ns=prod",)), known(*found))
    named = Wanted("wiki", MINE, snapshot=away["id"])
    assert numbers(selection.in_order(named, known(home, away))) == [2]


@pytest.mark.parametrize(
    ("path", "held"),
    [
        (PAGES, True),
        (f"{PAGES}/a folder", True),
        ("/backup", True),
        (UPLOADS, False),
        (f"{PAGES}-of-others", False),
    ],
)
def test_a_snapshot_holds_paths_below_its_sources(path: str, held: bool) -> None:
    (found,) = known(snapshot(1))

    assert found.may_hold(path) is held


@pytest.mark.parametrize(
    ("paths", "path", "alone"),
    [
        ((PAGES,), PAGES, True),
        ((PAGES, "/var/lib/backup/tmp/sqlite"), PAGES, True),
        ((PAGES, UPLOADS), PAGES, False),
        ((PAGES,), f"{PAGES}/a folder", False),
        (("/backup",), PAGES, False),
        ((PAGES, "/backup"), PAGES, False),
        ((PAGES, "/"), PAGES, False),
        (("/pages",), "/pages", False),
    ],
)
def test_a_folder_without_siblings_in_the_snapshot_is_alone(
    paths: tuple[str, ...], path: str, alone: bool
) -> None:
    (found,) = known(snapshot(1, paths=paths))

    assert found.is_alone(path) is alone


def test_copies_of_databases_are_where_the_runner_puts_them() -> None:
    """And not in a folder of a volume that has the same end."""
    ours = known(snapshot(1, paths=(PAGES, "/var/lib/backup/tmp/sqlite")))
    theirs = known(snapshot(1, paths=(f"{PAGES}/tmp/sqlite",)))  # noqa: S108

    assert (ours[0].copies, theirs[0].copies) == ("/var/lib/backup/tmp/sqlite", "")


def test_the_request_of_the_init_container_is_read() -> None:
    config = configured()

    assert selection.of_pod(config, {}) == ANY
    assert selection.of_pod(config, {"BACKUP_RESTORE": "never"}) is None
    assert selection.of_pod(
        config,
        {
            "BACKUP_RESTORE": "required",
            "BACKUP_RESTORE_FROM": "stage/old-wiki",
            "BACKUP_RESTORE_AS_OF": "2026-11-25T03:00:00+01:00",
        },
    ) == Wanted("old-wiki", ("ns=stage",), datetime(2026, 11, 25, 2, tzinfo=UTC), "", required=True)


@pytest.mark.parametrize(
    "variables",
    [
        {"BACKUP_RESTORE": "sometimes"},
        {"BACKUP_RESTORE_FROM": "wiki"},
        {"BACKUP_RESTORE_AS_OF": "yesterday"},
        {"BACKUP_RESTORE_AS_OF": "2026-11-25T03:00:00"},
    ],
)
def test_an_invalid_request_is_refused(variables: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="write "):
        selection.of_pod(configured(), variables)


@pytest.mark.parametrize(
    ("text", "moment", "snapshot"),
    [
        ("", None, ""),
        ("0badcafe", None, "0badcafe"),
        ("2026-11-25", datetime(2026, 11, 26, tzinfo=UTC), ""),
        ("2026-11-25T03:00:00Z", datetime(2026, 11, 25, 3, tzinfo=UTC), ""),
        ("2026-11-25 03:00", datetime(2026, 11, 25, 3, tzinfo=UTC), ""),
    ],
)
def test_times_days_and_ids_are_read(text: str, moment: datetime | None, snapshot: str) -> None:
    """A day is all of it, a time without a zone is UTC."""
    assert selection.read(text) == When(moment, snapshot)
