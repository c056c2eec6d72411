"""When a schedule comes: `H` per workload, the `@` forms, and what is refused."""

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from contract.annotations import schedule

UTC = ZoneInfo("UTC")
IDENTITIES = [f"ns{number % 7}/app-{number}" for number in range(6000)]


def _moment(text: str, zone: ZoneInfo = UTC) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def _next(text: str, after: str, identity: str = "prod/wiki") -> str:
    upcoming = schedule.parse(text).next_after(_moment(after), UTC, identity)
    assert upcoming is not None
    return datetime.fromtimestamp(upcoming, UTC).strftime("%a %Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("0 4 * * *", "2026-05-06T03:59:59", "Wed 2026-05-06 04:00:00"),
        ("0 4 * * *", "2026-05-06T04:00:00", "Thu 2026-05-07 04:00:00"),
        ("*/15 * * * *", "2026-05-06T04:01", "Wed 2026-05-06 04:15:00"),
        ("5,35 8-17 * * 1-5", "2026-05-08T17:35", "Mon 2026-05-11 08:05:00"),
        ("0 0 * * MON", "2026-05-06T00:00", "Mon 2026-05-11 00:00:00"),
        ("0 0 1 jan *", "2026-05-06T00:00", "Fri 2027-01-01 00:00:00"),
        ("0 0 * * 0", "2026-05-06T00:00", "Sun 2026-05-10 00:00:00"),
        ("0 0 * * 7", "2026-05-06T00:00", "Sun 2026-05-10 00:00:00"),
        ("0 0 L * *", "2026-02-06T00:00", "Sat 2026-02-28 00:00:00"),
        ("0 0 29 2 *", "2026-05-06T00:00", "Tue 2028-02-29 00:00:00"),
        ("  0   4 * *\t* ", "2026-05-06T03:59:59", "Wed 2026-05-06 04:00:00"),
    ],
)
def test_cron_fields_mean_what_they_mean_everywhere(text: str, after: str, expected: str) -> None:
    assert _next(text, after) == expected


@pytest.mark.parametrize(
    ("text", "wiki", "shop"),
    [
        ("H * * * *", "35 * * * *", "59 * * * *"),
        ("H H * * *", "35 16 * * *", "59 8 * * *"),
        ("H H * * H", "35 16 * * 5", "59 8 * * 0"),
        ("H H H * *", "35 16 1 * *", "59 8 10 * *"),
        ("H(0-29) H(1-4) * * H(1-5)", "5 1 * * 2", "29 1 * * 3"),
        ("H/15 H/6 * * *", "5-59/15 4-23/6 * * *", "14-59/15 2-23/6 * * *"),
        ("H(10-40)/10 * * * *", "15-40/10 * * * *", "19-40/10 * * * *"),
    ],
)
def test_h_is_the_same_on_every_machine_and_in_every_version(
    text: str, wiki: str, shop: str
) -> None:
    """A change here moves every backup of every cluster to another time."""
    fields = schedule.parse(text).fields

    assert schedule.spread(fields, "prod/wiki") == wiki
    assert schedule.spread(fields, "prod/shop-0") == shop


@pytest.mark.parametrize(
    ("text", "field", "possible"),
    [
        ("H * * * *", 0, range(60)),
        ("* H * * *", 1, range(24)),
        ("* * H * *", 2, range(1, 29)),
        ("* * * H *", 3, range(1, 13)),
        ("* * * * H", 4, range(7)),
        ("H(10-19) * * * *", 0, range(10, 20)),
        ("* H(1-4) * * *", 1, range(1, 5)),
        ("* * H(28-28) * *", 2, range(28, 29)),
        ("* * * * H(1-5)", 4, range(1, 6)),
    ],
)
def test_h_is_spread_evenly_over_its_range(text: str, field: int, possible: range) -> None:
    fields = schedule.parse(text).fields

    found = Counter(int(schedule.spread(fields, one).split()[field]) for one in IDENTITIES)

    assert set(found) == set(possible)
    share = len(IDENTITIES) / len(possible)
    assert max(found.values()) < 1.5 * share
    assert min(found.values()) > share / 1.5


def test_minute_and_hour_of_h_are_independent() -> None:
    fields = schedule.parse("@daily").fields

    found = {schedule.spread(fields, one) for one in IDENTITIES}

    assert len(found) > 1300  # of 1440


@pytest.mark.parametrize(
    ("text", "starts", "rest"),
    [
        ("H/15 * * * *", range(15), "-59/15"),
        ("H/60 * * * *", range(60), "-59/60"),
        ("H/1 * * * *", range(1), "-59/1"),
        ("H(20-29)/10 * * * *", range(20, 30), "-29/10"),
        ("H(10-40)/10 * * * *", range(10, 20), "-40/10"),
    ],
)
def test_h_with_a_step_starts_at_a_hashed_offset(text: str, starts: range, rest: str) -> None:
    fields = schedule.parse(text).fields

    found = {schedule.spread(fields, one).split()[0] for one in IDENTITIES}

    assert found == {f"{start}{rest}" for start in starts}


def test_h_stands_in_lists_beside_numbers() -> None:
    first, second, third = (
        schedule.spread(schedule.parse("H(0-9),30,H(40-49) * * * *").fields, "prod/wiki")
        .split()[0]
        .split(",")
    )

    assert (int(first) in range(10), second, int(third) in range(40, 50)) == (True, "30", True)


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("@hourly", "H * * * *"),
        ("@daily", "H H * * *"),
        ("@weekly", "H H * * H"),
        ("@monthly", "H H H * *"),
        ("@Daily", "H H * * *"),
        (" @WEEKLY ", "H H * * H"),
    ],
)
def test_named_schedules_are_spread_too(form: str, fields: str) -> None:
    assert schedule.parse(form).fields == tuple(fields.split())


def test_a_monthly_schedule_is_due_in_every_month() -> None:
    """Day 29 and later would leave February out."""
    monthly = schedule.parse("@monthly")
    for identity in IDENTITIES[:100]:
        slot, months = _moment("2025-12-31T23:59:59"), []
        for _ in range(12):
            slot = monthly.next_after(slot, UTC, identity) or 0
            months.append(datetime.fromtimestamp(slot, UTC).month)
        assert months == list(range(1, 13))


@pytest.mark.parametrize("text", ["off", "OFF", "Off", " off\n"])
def test_off_is_never_due(text: str) -> None:
    parsed = schedule.parse(text)

    assert (parsed.text, parsed.fields) == ("off", ())
    assert parsed.next_after(0, UTC, "prod/wiki") is None
    assert parsed.latest_until(2e9, UTC, "prod/wiki") is None


BAD = [
    "", " ", "*", "* * * *", "* * * * * *", "hourly", "every hour", "none", "never", "off off",
    "@", "@yearly", "@reboot", "@daily @daily", "@every 5m", "60 * * * *", "-1 * * * *",
    "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 * ", "* * * 0 *", "* * * * 8", "a * * * *",
    "1.5 * * * *", "5-1 * * * *", "*/0 * * * *", "*/x * * * *", "*/ * * * *", ", * * * *",
    "1, * * * *", "h * * * *", "HH * * * *", "H- * * * *", "H() * * * *", "H(1) * * * *",
    "H(5-1) * * * *", "H(0-60) * * * *", "* H(0-24) * * *", "* * H(0-28) * *", "* * H(1-31) * *",
    "H/0 * * * *", "H/61 * * * *", "* * H/29 * *", "H(0-9)/11 * * * *", "H/x * * * *",
    "H(-1-5) * * * *", "0 0 30 2 *", "0 0 31 4 *", "0 0 31 2,4,6 *", "? * * * *", "0 0 * * 1#6",
    "0 0 * * L", "TZ=UTC 0 4 * * *", "0 4 * * * # daily", "\u0661 * * * *", "* * * * *\0",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=repr)
def test_an_invalid_schedule_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(ValueError, match=r"cron fields|use one of|must lie within"):
        schedule.parse(text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("61 * * * *", "bad minute"),
        ("* 24 * * *", "bad hour"),
        ("* * * * 8", "bad day-of-week"),
        ("H(0-60) * * * *", r"H\(0-60\): the range must lie within 0-59"),
        ("H/61 * * * *", "H/61: the step must lie within 1-60"),
        ("@yearly", "@hourly @daily @weekly @monthly"),
    ],
)
def test_the_message_names_the_part_that_is_wrong(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        schedule.parse(text)


@pytest.mark.parametrize("text", ["0 0 */8 2 MON#5", "0 0 */31 * MON#2"])
def test_a_schedule_that_is_never_due_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no such date"):
        schedule.parse(text)


@pytest.mark.parametrize("text", ["0 0 30 H *", "0 0 31 H *", "0 0 30 H(1-2) *"])
def test_a_hashed_month_that_may_lack_the_day_is_refused(text: str) -> None:
    """`H` must not pick a month for one workload that has no such day."""
    with pytest.raises(ValueError, match="day-of-month"):
        schedule.parse(text)


def test_a_leap_day_in_a_hashed_month_is_due_for_every_workload() -> None:
    parsed = schedule.parse("0 0 29 H *")

    for identity in IDENTITIES[:50]:
        assert parsed.next_after(_moment("2026-01-01T00:00"), UTC, identity) is not None
        assert parsed.latest_until(_moment("2026-01-01T00:00"), UTC, identity) is not None


def test_the_text_of_a_schedule_is_one_line_in_messages() -> None:
    assert schedule.parse(" 5   4 *\n* * ").text == "5 4 * * *"
    assert schedule.parse("@daily").text == "@daily"


def test_a_slot_is_not_after_any_moment_of_its_own_second() -> None:
    hourly, slot = schedule.parse("0 * * * *"), 1_789_995_600.0

    assert hourly.next_after(slot, UTC, "x") == slot + 3600
    assert hourly.next_after(slot - 1, UTC, "x") == slot
    assert hourly.latest_until(slot, UTC, "x") == slot
    assert hourly.latest_until(slot - 1, UTC, "x") == slot - 3600
