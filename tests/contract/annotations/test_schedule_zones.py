"""Clock changes and neighbouring slots: each local time once, and no slot lost between two."""

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from contract.annotations import schedule

BERLIN = ZoneInfo("Europe/Berlin")  # 2026: 29 March 02:00 -> 03:00, 25 October 03:00 -> 02:00
HOUR = 3600
IDENTITY = "prod/wiki"
YEAR = (datetime(2026, 1, 1, tzinfo=BERLIN), datetime(2027, 1, 1, tzinfo=BERLIN))


def _slots(text: str, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    parsed = schedule.parse(text)
    slot = parsed.next_after(start.timestamp() - 1, zone, IDENTITY)
    while slot is not None and slot < end.timestamp():
        yield datetime.fromtimestamp(slot, zone)
        slot = parsed.next_after(slot, zone, IDENTITY)


@pytest.mark.parametrize(
    "text", ["0 0 * * *", "30 1 * * *", "30 2 * * *", "0 3 * * *", "H H * * *"]
)
def test_a_daily_schedule_is_due_once_on_each_of_365_days(text: str) -> None:
    slots = list(_slots(text, BERLIN, *YEAR))

    days = [slot.date() for slot in slots]
    assert days == [datetime(2026, 1, 1, tzinfo=UTC).date() + timedelta(n) for n in range(365)]


def test_a_local_time_that_a_clock_change_skips_is_due_right_after_it() -> None:
    day = datetime(2026, 3, 29, tzinfo=BERLIN)

    (slot,) = _slots("30 2 * * *", BERLIN, day, day + timedelta(days=1))

    assert slot.isoformat() == "2026-03-29T03:00:00+02:00"


def test_a_local_time_that_occurs_twice_is_due_the_first_time() -> None:
    day = datetime(2026, 10, 25, tzinfo=BERLIN)

    (slot,) = _slots("30 2 * * *", BERLIN, day, day + timedelta(days=1))

    assert slot.isoformat() == "2026-10-25T02:30:00+02:00"


@pytest.mark.parametrize("text", ["15 * * * *", "@hourly"])
def test_an_hourly_schedule_is_due_every_hour_of_the_year(text: str) -> None:
    slots = [slot.timestamp() for slot in _slots(text, BERLIN, *YEAR)]

    assert len(slots) == 365 * 24
    assert {after - before for before, after in itertools.pairwise(slots)} == {HOUR}


def test_the_zone_decides_when_a_day_begins() -> None:
    parsed, moment = schedule.parse("0 0 * * *"), datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()

    found = {
        zone: datetime.fromtimestamp(parsed.next_after(moment, ZoneInfo(zone), "") or 0, UTC)
        for zone in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
    }

    assert {zone: slot.strftime("%d %H:%M") for zone, slot in found.items()} == {
        "UTC": "02 00:00",
        "Europe/Berlin": "01 22:00",
        "America/New_York": "02 04:00",
        "Asia/Kolkata": "01 18:30",
    }


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.5, 0.999])
def test_fractions_of_a_second_lose_no_slot(fraction: float) -> None:
    parsed = schedule.parse("0 4 * * *")
    slot = datetime(2026, 5, 6, 4, tzinfo=UTC).timestamp()
    zone = ZoneInfo("UTC")

    assert parsed.next_after(slot - 1 + fraction, zone, "") == slot
    assert parsed.next_after(slot + fraction, zone, "") == slot + 24 * HOUR
    assert parsed.latest_until(slot + fraction, zone, "") == slot
    assert parsed.latest_until(slot - 1 + fraction, zone, "") == slot - 24 * HOUR


def _check_neighbours(text: str, zone: ZoneInfo, moment: float) -> None:
    """Next and latest enclose the moment, and there is no slot between them."""
    parsed = schedule.parse(text)
    upcoming = parsed.next_after(moment, zone, IDENTITY)
    latest = parsed.latest_until(moment, zone, IDENTITY)
    at = f"{text!r} at {datetime.fromtimestamp(moment, zone).isoformat()}"
    assert upcoming is not None, at
    assert latest is not None, at
    assert latest <= moment < upcoming, at
    assert parsed.next_after(latest, zone, IDENTITY) == upcoming, at
    assert parsed.latest_until(upcoming, zone, IDENTITY) == upcoming, at
    assert parsed.latest_until(upcoming - 1, zone, IDENTITY) == latest, at


@pytest.mark.parametrize("month_and_day", [(3, 29), (10, 25)], ids=["spring", "autumn"])
@pytest.mark.parametrize(
    "text",
    ["30 2 * * *", "0 2 * * *", "0 3 * * *", "59 1 * * *", "15,45 1-3 * * *", "20 * * * *",
     "*/30 * * * *", "H/20 2-3 * * *", "30 2 * * 0", "0 12 * * *"],
)  # fmt: skip
def test_previous_and_next_slot_agree_at_every_tenth_minute_of_a_clock_change(
    text: str, month_and_day: tuple[int, int]
) -> None:
    start = datetime(2026, *month_and_day, tzinfo=BERLIN).timestamp()
    for minute in range(0, 6 * 60, 10):
        _check_neighbours(text, BERLIN, start + minute * 60)


ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
    "Pacific/Apia", "America/St_Johns", "Africa/Casablanca",
]  # fmt: skip


def test_previous_and_next_slot_agree_at_random_moments() -> None:
    chance = random.Random(20261123)  # noqa: S311 -- repeatable on purpose
    start, end = int(YEAR[0].timestamp()), int(YEAR[1].timestamp())
    for _ in range(1500):
        minute = chance.choice(["H", "0", "*/7", "13,47", "H/20", "H(5-9)"])
        hour = chance.choice(["*", "H", "2", "0-6", "*/5", "1,13", "H/6"])
        day = chance.choice(["*", "*", "*", "1", "H", "15,L"])
        month = chance.choice(["*", "*", "*", "H", "2", "*/3"])
        weekday = chance.choice(["*", "*", "*", "H", "1-5", "SUN"])
        moment = chance.randint(start, end) + chance.choice([0, 0.25])
        zone = ZoneInfo(chance.choice(ZONES))
        _check_neighbours(f"{minute} {hour} {day} {month} {weekday}", zone, moment)
