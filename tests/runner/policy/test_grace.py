"""Retention that shrinks waits for its grace period; what keeps more counts at once."""

import pytest

from runner.policy import grace
from runner.policy.grace import Judged, Known

MORE, LESS, LEAST = ({"keep-daily": count} for count in ("9", "5", "2"))
NOW, WEEK = 1_789_997_600.0, 7 * 86400.0


def test_a_shrink_waits_and_both_policies_are_kept_until_then() -> None:
    judged = grace.judge(Known(MORE), LESS, NOW, WEEK)
    assert judged == Judged(MORE, Known(MORE, LESS, NOW))

    for passed, counts in ((1, MORE), (WEEK - 1, MORE), (WEEK, LESS)):
        assert grace.judge(judged.known, LESS, NOW + passed, WEEK).keeps == counts


def test_a_policy_that_keeps_more_applies_at_once_and_ends_a_shrink() -> None:
    assert grace.judge(Known(LESS, LEAST, NOW), MORE, NOW, WEEK) == Judged(MORE, Known(MORE))


def test_a_further_shrink_waits_from_its_own_start() -> None:
    waits = Known(MORE, LESS, NOW)

    assert grace.judge(waits, LEAST, NOW + WEEK, WEEK) == Judged(
        MORE, Known(MORE, LEAST, NOW + WEEK)
    )
    assert grace.judge(Known(MORE, LEAST, NOW), LESS, NOW + WEEK, WEEK) == Judged(LESS, Known(LESS))


def test_a_shrink_from_a_clock_that_was_ahead_waits_from_now_on() -> None:
    waits = Known(MORE, LESS, NOW + 100 * WEEK)

    assert grace.judge(waits, LESS, NOW, WEEK) == Judged(MORE, Known(MORE, LESS, NOW))


def test_everything_is_kept_while_the_state_is_unknown() -> None:
    assert grace.judge(grace.UNKNOWN, LESS, NOW, WEEK) == Judged({}, Known(None, LESS, NOW))


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_without_a_grace_period_every_change_applies_at_once(seconds: float) -> None:
    assert grace.judge(Known(MORE), LESS, NOW, seconds) == Judged(LESS, Known(LESS))
