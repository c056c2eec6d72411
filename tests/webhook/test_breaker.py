"""The circuit breaker, with moments given in place of a clock."""

from webhook import breaker
from webhook.breaker import Breaker


def _listening() -> Breaker:
    made = Breaker()
    made.listen(True)
    return made


def _tried(made: Breaker, *moments: float, owner: str = "web") -> None:
    for moment in moments:
        made.attempt(owner, moment)


def test_three_settled_attempts_without_a_pod_open_it_for_this_owner_alone() -> None:
    made = _listening()
    _tried(made, 100.0, 100.1, 100.3)

    assert not made.is_open("web", 102.2), "the third may still be on its way"
    assert made.is_open("web", 102.4)
    assert not made.is_open("other", 102.4)
    assert made.count(102.4) == 1


def test_a_pod_that_comes_to_be_starts_the_count_anew() -> None:
    made = _listening()
    _tried(made, 100.0, 100.1)
    made.came_to_be("web")
    _tried(made, 100.3)

    assert not made.is_open("web", 110.0)


def test_a_pod_that_comes_to_be_closes_it() -> None:
    made = _listening()
    _tried(made, 1.0, 2.0, 3.0)
    assert made.is_open("web", 10.0)

    made.came_to_be("web")

    assert not made.is_open("web", 10.0)
    assert made.count(10.0) == 0


def test_attempts_more_than_a_minute_apart_do_not_add_up() -> None:
    made = _listening()
    _tried(made, 0.0, 50.0, 100.0)

    assert not made.is_open("web", 105.0)


def test_a_burst_of_pods_that_are_still_on_their_way_opens_nothing() -> None:
    made = _listening()
    _tried(made, *(100.0 + number / 100 for number in range(100)))

    assert not made.is_open("web", 101.9)


def test_injection_is_tried_again_after_a_while() -> None:
    made = _listening()
    _tried(made, 1.0, 2.0, 3.0)
    assert made.is_open("web", 10.0)

    assert made.is_open("web", 10.0 + breaker.OPEN - 1)
    assert not made.is_open("web", 10.0 + breaker.OPEN + 1)


def test_nothing_opens_while_new_pods_are_not_seen() -> None:
    made = Breaker()
    _tried(made, 1.0, 2.0, 3.0)
    assert not made.is_open("web", 10.0)

    made.listen(True)
    _tried(made, 11.0, 12.0, 13.0)
    made.listen(False)
    made.listen(True)

    assert not made.is_open("web", 20.0), "what happened in the gap is unknown"


def test_memory_is_bounded() -> None:
    made = _listening()
    for number in range(30_000):
        _tried(made, 1.0, 1.1, 1.2, owner=f"o{number}")
    for number in range(30_000):
        made.is_open(f"o{number}", 10.0)

    assert len(made._attempts) + len(made._open) <= 20_000
