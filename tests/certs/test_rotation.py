"""A CA's life as a table over time. No clock: each test says what time it is."""

from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.x509 import Certificate

from certs.authority import CA, new_ca
from certs.rotation import Content, Lifetimes, Step, step

T0 = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TIMES = Lifetimes(ca=90 * DAY, leaf=DAY, overlap=2 * DAY)
OLD, NEW = new_ca(T0, TIMES.ca), new_ca(T0 + 60 * DAY, TIMES.ca)
BOTH = {OLD.certificate, NEW.certificate}

STEADY = Content(OLD)
PUBLISHING = Content(OLD, next=NEW)
PUBLISHED = Content(OLD, next=NEW, published=T0 + 60 * DAY)
SWITCHED = Content(NEW, previous=OLD.certificate, switched=T0 + 62 * DAY)
STEADY_AGAIN = Content(NEW)

# Each state at a time (days) at which nothing is due.
AT_REST = pytest.mark.parametrize(
    ("days", "at_rest"),
    [(59, STEADY), (61, PUBLISHED), (63, SWITCHED)],
    ids=["steady", "published", "switched"],
)


def _step(
    now: datetime,
    stored: Content | None,
    installed: AbstractSet[Certificate] | None = frozenset(BOTH),
    remembered: Content | None = None,
) -> Step:
    return step(now, stored, remembered, installed, TIMES)


@pytest.mark.parametrize(
    ("days", "stored", "installed", "expected"),
    [
        (0, STEADY, {OLD.certificate}, STEADY),
        (59.9, STEADY, {OLD.certificate}, STEADY),
        (59.9, STEADY, None, STEADY),
        (60, PUBLISHING, {OLD.certificate}, PUBLISHING),
        (60, PUBLISHING, None, PUBLISHING),
        (60, PUBLISHING, frozenset(), PUBLISHING),
        (60, PUBLISHING, BOTH, PUBLISHED),
        (60, PUBLISHING, {NEW.certificate}, PUBLISHED),
        (61.9, PUBLISHED, BOTH, PUBLISHED),
        (61.9, PUBLISHED, {OLD.certificate}, PUBLISHING),
        (62, PUBLISHED, BOTH, SWITCHED),
        (62, PUBLISHED, None, PUBLISHED),
        (62, PUBLISHED, frozenset(), PUBLISHING),
        (62, SWITCHED, BOTH, SWITCHED),
        (63.9, SWITCHED, BOTH, SWITCHED),
        (63.9, SWITCHED, None, SWITCHED),
        (64, SWITCHED, BOTH, STEADY_AGAIN),
        (64, SWITCHED, None, STEADY_AGAIN),
        (119.9, STEADY_AGAIN, BOTH, STEADY_AGAIN),
    ],
)
def test_each_step_waits_for_its_time_and_for_the_installed_bundle(
    days: float, stored: Content, installed: set[Certificate] | None, expected: Content
) -> None:
    assert _step(T0 + days * DAY, stored, installed).content == expected


@pytest.mark.parametrize("stored", [STEADY, STEADY_AGAIN], ids=["first", "second"])
def test_next_ca_is_made_at_two_thirds_and_does_not_sign_yet(stored: Content) -> None:
    now = stored.current.renewal

    made = _step(now, stored).content

    assert made.current == stored.current
    assert made.next is not None
    assert made.next not in (OLD, NEW)
    assert made.bundle == (stored.current.certificate, made.next.certificate)
    assert made.published is None


def test_ca_passes_all_steps_in_order() -> None:
    content, seen = _step(T0, None, None).content, list[tuple[CA, CA | None, Certificate | None]]()
    for hours in range(0, 24 * 300, 6):
        shown = content.bundle  # what was installed after the last look
        content = _step(T0 + hours * HOUR, content, frozenset(shown)).content
        state = (content.current, content.next, content.previous)
        if not seen or seen[-1] != state:
            seen.append(state)
        assert content.current.certificate in shown  # nothing signs that was not installed before
        assert len(content.bundle) <= 2
        assert content.current.valid(T0 + hours * HOUR)

    assert len({current.certificate for current, _, _ in seen}) == 5
    phases = ["next" if coming else "previous" if before else "one" for _, coming, before in seen]
    assert phases[:12] == ["one", "next", "previous"] * 4


def test_without_a_secret_one_ca_is_created() -> None:
    content = _step(T0, None, None).content

    assert content.current.valid(T0)
    assert content == Content(content.current)


@AT_REST
def test_deleted_secret_is_restored_as_in_memory(days: int, at_rest: Content) -> None:
    assert _step(T0 + days * DAY, None, BOTH, at_rest).content == at_rest


@AT_REST
def test_stored_secret_outranks_memory(days: int, at_rest: Content) -> None:
    other = Content(new_ca(T0, TIMES.ca))

    assert _step(T0 + days * DAY, at_rest, BOTH, other).content == at_rest


@pytest.mark.parametrize("remembered", [None, STEADY], ids=["", "remembered"])
@pytest.mark.parametrize("installed", [None, frozenset(), {OLD.certificate}])
def test_expired_ca_is_replaced_at_once(
    remembered: Content | None, installed: AbstractSet[Certificate] | None
) -> None:
    now = T0 + 90 * DAY
    for stored in (STEADY, None) if remembered else (STEADY,):
        content = _step(now, stored, installed, remembered).content

        assert content.current.valid(now)
        assert content == Content(content.current)


def test_next_ca_signs_at_once_after_expiry() -> None:
    assert _step(T0 + 90 * DAY, PUBLISHING, None).content == Content(NEW)


def test_ca_that_is_not_yet_valid_is_replaced_but_stays_trusted() -> None:
    now = T0 - 2 * HOUR  # our clock is behind, or whoever made it was ahead

    content = _step(now, STEADY).content

    assert content.current.valid(now)
    assert content.previous == OLD.certificate
    assert _step(now, content).content == content


def test_clocks_an_hour_apart_agree() -> None:
    assert _step(T0 - HOUR, STEADY).content == STEADY


def test_expired_next_and_previous_are_left_out() -> None:
    short = new_ca(T0, DAY)

    now = T0 + 2 * DAY
    assert _step(now, replace(STEADY, next=short, published=T0)).content == STEADY
    assert _step(now, replace(STEADY, previous=short.certificate, switched=now)).content == STEADY


def test_timestamps_far_in_the_future_are_reset() -> None:
    now = T0 + 60 * DAY
    published = replace(PUBLISHED, published=now + 400 * DAY)
    switched = replace(SWITCHED, switched=now + 400 * DAY)

    assert _step(now, published).content.published == now
    assert _step(now, switched).content.switched == now


def test_lost_timestamps_are_reset() -> None:
    now = T0 + 63 * DAY

    assert _step(now, replace(SWITCHED, switched=None)).content.switched == now


def test_requested_rotation_starts_now_and_once() -> None:
    content = _step(T0, replace(STEADY, asked=True)).content

    assert content.next is not None
    assert not content.asked


@pytest.mark.parametrize(
    ("days", "stored"), [(61, PUBLISHED), (63, SWITCHED)], ids=["published", "switched"]
)
def test_requested_rotation_waits_for_the_one_in_progress(days: int, stored: Content) -> None:
    wished = replace(stored, asked=True)

    assert _step(T0 + days * DAY, wished).content == wished


def test_request_survives_the_switch() -> None:
    assert _step(T0 + 62 * DAY, replace(PUBLISHED, asked=True)).content == replace(
        SWITCHED, asked=True
    )


@pytest.mark.parametrize(
    ("days", "stored", "expected"),
    [
        (0, STEADY, 60),
        (60, PUBLISHED, 62),
        (62, SWITCHED, 64),
        (60, PUBLISHING, 62),
    ],
)
def test_next_check_is_when_something_is_due(days: float, stored: Content, expected: float) -> None:
    assert _step(T0 + days * DAY, stored).look_again == T0 + expected * DAY


def test_previous_ca_stays_as_long_as_its_leaves_may_be_valid() -> None:
    times = Lifetimes(ca=90 * DAY, leaf=20 * DAY, overlap=DAY)

    for days, previous in ((81.9, OLD.certificate), (82, None)):
        content = step(T0 + days * DAY, SWITCHED, None, BOTH, times).content
        assert content.previous == previous


@pytest.mark.parametrize(
    "times",
    [
        {"ca": DAY},
        {"leaf": 122 * DAY},
        {"overlap": 122 * DAY},
        {"overlap": timedelta(0)},
        {"leaf": -DAY},
    ],
    ids=str,
)
def test_lifetimes_in_which_no_rotation_fits_are_refused(times: dict[str, timedelta]) -> None:
    with pytest.raises(ValueError, match="must"):
        Lifetimes(**times)


def test_ca_is_compared_by_its_certificate() -> None:
    assert CA(OLD.certificate, NEW.key) == OLD
