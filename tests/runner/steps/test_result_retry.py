"""When restic's own words say that it keeps retrying to open the repository."""

import json

import pytest

from runner.steps.listener import Listener
from tests.runner.steps.test_result import STATUS

LIMIT = 120.0
UPLOAD = "Save(<data/4f8a1c2e9b>)"


def retry(after: str, what: str = "Stat(<config/>)") -> str:
    """Return the line by which restic says that it cannot reach the repository."""
    return f"{what} returned error, retrying after {after}: dial tcp: connection refused"


def test_a_command_stopped_for_retrying_names_what_it_could_not_reach() -> None:
    """Without the noise about when it would try again."""
    listener = Listener()
    listener.stderr(retry("1.2s"), 0)
    listener.stderr("[2Ksignal terminated received, cleaning up", 1)

    assert listener.completed(130, "retrying").said == "still no answer: connection refused"


@pytest.mark.parametrize(
    ("steps", "still"),
    [
        ([], False),
        ([(0, "552.330144ms")], False),
        ([(0, "119s")], False),
        ([(0, "121s")], True),
        ([(0, "2m")], False),
        ([(0, "3m")], True),
        ([(0, "1m59.5s")], False),
        ([(0, "2m0.5s")], True),
        ([(0, "1s"), (60, "43.2s")], False),
        ([(0, "1s"), (60, "60.5s")], True),
        ([(0, "1s"), (60, "1m4.8s")], True),
        ([(1000, "1s"), (1060, "43.2s")], False),
        ([(0, "121000ms")], True),
    ],
)
def test_an_announced_retry_beyond_the_limit_counts_as_endless(
    steps: list[tuple[float, str]],
    still: bool,
) -> None:
    """By its own words: it is not waited for in vain."""
    listener = Listener()
    for now, after in steps:
        listener.stderr(retry(after), now)

    assert listener.keeps_retrying(LIMIT) == still


@pytest.mark.parametrize(
    ("what", "still"),
    [
        ("Stat(<config/>)", True),
        ("Load(<config/>, 0, 0)", True),
        ("List(key)", True),
        ("Load(<key/4f8a1c2e9b>, 0, 0)", True),
        ("List(lock)", True),
        ("Save(<lock/4f8a1c2e9b>)", True),
        ("List(index)", True),
        ("List(snapshot)", True),
        (UPLOAD, False),
        ("Load(<data/4f8a1c2e9b>, 900, 0)", False),
    ],
)
def test_only_retries_while_opening_the_repository_count(what: str, still: bool) -> None:
    """The words of restic 0.19; data is read and written when it is open."""
    listener = Listener()
    listener.stderr(retry("121s", what), now=0)

    assert listener.keeps_retrying(LIMIT) == still


@pytest.mark.parametrize("what", [UPLOAD, "Load(<index/4f8a1c2e9b>, 0, 0)"])
def test_separate_short_failures_are_no_endless_retry(what: str) -> None:
    """A long call over a shaky line goes on; forget and check show no progress."""
    listener = Listener()
    for hour in range(4):
        listener.stderr(retry("1.1s", what), now=hour * 3600)
        listener.stderr(f"{what} operation successful after 1 retries", now=hour * 3600 + 2)

    assert not listener.keeps_retrying(LIMIT)


def test_a_success_after_retries_resets_the_count() -> None:
    """restic says so; a new trouble is measured from its own beginning."""
    listener = Listener()
    listener.stderr(retry("90s"), now=0)
    listener.stderr("Stat(<config/>) operation successful after 1 retries", now=90)
    listener.stderr(retry("60s", "List(key)"), now=100)

    assert not listener.keeps_retrying(LIMIT)


def test_once_files_are_read_the_repository_is_open() -> None:
    """What is retried then is an upload, and restic's own matter."""
    listener = Listener()
    listener.stderr(retry("1s"), now=0)
    listener.stdout(STATUS)
    for now in range(10, 200, 20):
        listener.stderr(retry("20s", UPLOAD), now=now)

    assert not listener.keeps_retrying(LIMIT)


def test_a_retry_inside_json_is_detected() -> None:
    """Some backends' words come wrapped."""
    listener = Listener()
    listener.stderr(json.dumps({"message_type": "warning", "message": retry("300s")}), now=0)

    assert listener.keeps_retrying(LIMIT)


REFUSED = "client.PutObject: The specified bucket does not exist"
UNSURE = "client.PutObject: We encountered an internal error, please try again."


def _refused(listener: Listener, times: int, what: str = UPLOAD, why: str = REFUSED) -> None:
    for number in range(times):
        listener.stderr(f"{what} returned error, retrying after 1s: {why}", number)


def test_an_upload_that_is_refused_again_and_again_is_given_up() -> None:
    """Also when data is read: restic alone tries for 15 minutes."""
    listener = Listener(progress={"percent_done": 0.5})

    _refused(listener, 3)
    assert not listener.keeps_retrying(LIMIT)
    _refused(listener, 1)

    assert listener.keeps_retrying(LIMIT)
    assert listener.completed(130, "retrying").said == "The specified bucket does not exist"


def test_several_uploads_refused_once_each_are_tolerated() -> None:
    listener = Listener()
    for number in range(9):
        _refused(listener, 1, f"Save(<data/{number}>)")

    assert not listener.keeps_retrying(LIMIT)


def test_other_upload_failures_are_left_to_restic() -> None:
    """Also where an address holds words of a refusal."""
    listener = Listener()
    _refused(listener, 9, why=UNSURE)
    _refused(listener, 9, why='Put "http://s3/forbidden/data": read: connection reset by peer')

    assert not listener.keeps_retrying(LIMIT)


def test_a_successful_upload_resets_the_count() -> None:
    listener = Listener()
    _refused(listener, 3)
    listener.stderr(f"{UPLOAD} operation successful after 3 retries", 4)
    _refused(listener, 3)

    assert not listener.keeps_retrying(LIMIT)
