"""Which of two policies keeps more; where that is uncertain, neither does."""

from datetime import timedelta

import pytest

from runner.policy import grace, keep_policy
from runner.policy.grace import Judged, Known
from tests.runner.config.workload import NOW, configured

DAILY = {"keep-daily": "7"}
WEEK = 7 * 86400
START = NOW.timestamp()


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({}, DAILY),
        (DAILY, {"keep-daily": "6"}),
        ({"keep-last": "1", **DAILY}, DAILY),
        ({"keep-within": "1y"}, {"keep-within": "364d"}),
        ({"keep-within": "31d"}, {"keep-within": "1m"}),
        ({"keep-within": "1m"}, {"keep-within": "28d"}),
        ({"keep-within": "2d"}, {"keep-within": "47h"}),
        ({"keep-archives": "8d"}, {"keep-archives": "7d"}),
    ],
)
def test_a_policy_that_keeps_more_covers_one_that_keeps_less(
    more: dict[str, str], less: dict[str, str]
) -> None:
    assert keep_policy.covers(more, less)
    assert not keep_policy.covers(less, more)
    assert keep_policy.most(more, less) == keep_policy.most(less, more) == more


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({"keep-daily": "7"}, {"keep-last": "9"}, {"keep-daily": "7", "keep-last": "9"}),
        ({"keep-within": "1m"}, {"keep-within": "30d"}, {"keep-within": "31d"}),
        ({"keep-within": "1y"}, {"keep-within": "365d12h"}, {"keep-within": "366d"}),
    ],
)
def test_incomparable_policies_are_both_kept(
    one: dict[str, str], other: dict[str, str], both: dict[str, str]
) -> None:
    assert not keep_policy.covers(one, other)
    assert not keep_policy.covers(other, one)
    assert keep_policy.most(one, other) == both
    assert keep_policy.covers(both, one)
    assert keep_policy.covers(both, other)


def test_a_policy_is_read_back_from_settings() -> None:
    given = configured(secret={"KEEP_LAST": "4", "KEEP_DAILY": "0", "KEEP_WITHIN": "1y6m"}).settings

    assert keep_policy.of(
        keep_policy.applied(configured().settings, keep_policy.of(given))
    ) == keep_policy.of(given)
    assert (
        keep_policy.of(keep_policy.applied(given, keep_policy.EVERYTHING)) == keep_policy.EVERYTHING
    )
    assert keep_policy.of(configured(secret={"KEEP_WITHIN": "0d"}).settings).keys() == {
        "keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly",
    }  # fmt: skip


def test_a_shrink_waits_and_a_further_one_waits_again() -> None:
    now = START
    judged = grace.judge(Known(DAILY), {"keep-daily": "5"}, now, WEEK)
    keeps, known = judged.keeps, judged.known
    assert (keeps, known) == (DAILY, Known(DAILY, {"keep-daily": "5"}, START))
    assert "from keep-daily=7 to keep-daily=5 on 2026-11-30 12:34 UTC" in grace.says(known, WEEK)

    now += WEEK - 1
    assert grace.judge(known, {"keep-daily": "6"}, now, WEEK).known.since == START, "it keeps more"
    judged = grace.judge(known, {"keep-daily": "4"}, now, WEEK)
    keeps, known = judged.keeps, judged.known
    assert (keeps, known.since) == (DAILY, now)

    judged = grace.judge(known, {"keep-daily": "4", "keep-last": "3"}, now + WEEK, WEEK)
    keeps, known = judged.keeps, judged.known
    assert keeps == known.keeps == {"keep-daily": "4", "keep-last": "3"}
    assert grace.says(known, WEEK) == ""


def test_a_raise_applies_at_once_even_beside_a_shrink() -> None:
    asked = {"keep-last": "30"}

    assert grace.judge(Known(DAILY), {"keep-daily": "8"}, START, WEEK).keeps == {"keep-daily": "8"}
    judged = grace.judge(Known(DAILY), asked, START, WEEK)
    keeps, known = judged.keeps, judged.known
    assert keeps == {**DAILY, **asked}
    assert known.keeps == DAILY
    assert grace.judge(known, DAILY, START + 5, WEEK) == Judged(DAILY, Known(DAILY))


def test_an_unknown_state_keeps_everything_and_a_clock_set_back_ends_no_wait() -> None:
    judged = grace.judge(grace.UNKNOWN, DAILY, START, WEEK)
    keeps, known = judged.keeps, judged.known
    assert keeps == keep_policy.EVERYTHING
    earlier = START - timedelta(days=30).total_seconds()
    assert grace.judge(known, DAILY, earlier, WEEK).known.since == earlier
    assert grace.judge(grace.UNKNOWN, DAILY, START, 0) == Judged(DAILY, Known(DAILY))


@pytest.mark.parametrize(
    "value",
    [
        [], None, "keep", {"keeps": []}, {"keeps": {"keep-daily": 7}},
        {"keeps": {"keep-daily": "x"}}, {"keeps": {"no-such": "1"}},
        {"asked": {"keep-last": "1"}, "since": "soon"},
        {"asked": {"keep-last": "1"}},
    ],
)  # fmt: skip
def test_an_invalid_saved_policy_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        grace.read(value)
