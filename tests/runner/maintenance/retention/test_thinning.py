"""Which doubtful snapshots retention would not keep, were all of them good; no good one goes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contract.snapshots import Snapshot
from runner.config.model import Config
from runner.maintenance.retention import thinning
from tests.runner.config.workload import configured

NONE = dict.fromkeys(
    ("KEEP_LAST", "KEEP_HOURLY", "KEEP_DAILY", "KEEP_WEEKLY", "KEEP_MONTHLY", "KEEP_YEARLY"), "0"
)


def _config(**keep: str) -> Config:
    return configured(secret={**NONE, **keep})


def _superfluous(config: Config, found: list[Snapshot]) -> tuple[str, ...]:
    return tuple(each.id for each in thinning.superfluous(config, found))


def _made(name: str, day: str, *tags: str) -> Snapshot:
    time = datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None
    found = Snapshot(id=name, tags=("ns=prod", *tags))
    return Snapshot(id=name, time=time, tags=found.tags) if time else found


def _doubtful(name: str, day: str, *tags: str) -> Snapshot:
    return _made(name, day, "doubtful", *tags)


def test_a_complete_snapshot_is_never_forgotten() -> None:
    found = [_made("a", "2026-11-23"), _made("b", "2026-11-22"), _doubtful("c", "2026-11-21")]

    assert _superfluous(_config(KEEP_LAST="1"), found) == ("c",)


def test_as_many_stay_as_the_policy_keeps() -> None:
    found = [_doubtful(name, f"2026-11-2{name}") for name in "3210"]

    assert _superfluous(_config(KEEP_LAST="2"), found) == ("1", "0")
    assert _superfluous(_config(KEEP_LAST="4"), found) == ()
    assert _superfluous(_config(), found) == ()  # everything is kept


@pytest.mark.parametrize(
    ("keep", "days"),
    [
        ({"KEEP_WEEKLY": "2"}, ("2026-03-04", "2025-03-05", "2024-01-01")),  # both of week 10
        ({"KEEP_MONTHLY": "2"}, ("2026-03-04", "2025-03-05", "2024-01-01")),
        ({"KEEP_DAILY": "2"}, ("2026-03-04", "2026-02-04", "2026-01-04")),
        ({"KEEP_YEARLY": "2"}, ("2026-03-04", "2025-03-04", "2024-03-04")),
    ],
    ids=str,
)
def test_the_same_week_or_month_of_another_year_is_another(
    keep: dict[str, str], days: tuple[str, ...]
) -> None:
    found = [_doubtful(str(number), day) for number, day in enumerate(days)]

    assert _superfluous(_config(**keep), found) == ("2",)


def test_dumps_and_volumes_are_kept_independently() -> None:
    found = [_doubtful("volumes", "2026-11-23"), _doubtful("dump", "2026-11-22", "dump=postgres")]

    assert _superfluous(_config(KEEP_LAST="1"), found) == ()


def test_kept_snapshots_stay_and_an_unknown_time_forgets_nothing() -> None:
    newest, kept = _made("a", "2026-11-23"), _doubtful("b", "2026-11-22", "keep")

    assert _superfluous(_config(KEEP_LAST="1"), [newest, kept]) == ()
    old = _doubtful("c", "2026-11-21")
    assert _superfluous(_config(KEEP_LAST="1"), [newest, old]) == ("c",)
    assert _superfluous(_config(KEEP_LAST="1"), [newest, old, _doubtful("d", "")]) == ()


def test_earlier_snapshots_count_after_those_of_this_name() -> None:
    """Together they are kept as if the name had never changed; none of this name goes."""
    now = [_made(str(day), f"2026-03-0{day}") for day in (1, 2, 3)]
    earlier = [
        replace(_made(f"e{day}", f"2026-02-0{day}", *tags), made_as=("web-3", "ns=prod"))
        for day, tags in ((1, ()), (2, ("keep",)), (3, ()), (4, ("dump=pg",)))
    ]

    assert _superfluous(_config(KEEP_DAILY="3"), [*now, *earlier]) == ("e3", "e1")
    assert _superfluous(_config(KEEP_DAILY="4"), [*now, *earlier]) == ("e1",)
    assert _superfluous(_config(KEEP_DAILY="1"), now) == ()
    assert _superfluous(_config(), [*now, *earlier]) == ()  # everything is kept
