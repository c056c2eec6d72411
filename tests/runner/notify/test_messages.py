"""Messages: when there is news, what they say, and who may send them."""

import base64
import json
from dataclasses import replace

import pytest

from runner.config.notifiers import Ntfy
from runner.notify import messages
from runner.state.model import Last
from tests.runner.config.workload import NTFY, changed, configured, remembered
from tests.runner.notify.test_metrics import DAY, FAILED, LAST, NOW, STATE

CONFIG = configured(secret=NTFY)
WARNED = replace(LAST, status="warning", failure="source", message="2 unreadable: /a, /b")
SKIPPED = replace(LAST, status="skipped", failure="locked")
INTERRUPTED = replace(LAST, status="interrupted")


def ntfy(last: Last, title: str) -> dict[str, object]:
    """Return what ntfy gets of a run."""
    assert isinstance(CONFIG.receivers.ntfy, Ntfy)
    return messages.ntfy(CONFIG.receivers.ntfy, messages.news(CONFIG, last), title)


def story(*runs: tuple[float, Last]) -> list[bool]:
    """Return which of these runs is told, one after another, each message being delivered."""
    state, told = remembered(), []
    for now, last in runs:
        state.runs.last = last
        told.append(messages.worth_telling(state, "ntfy", now))
        if told[-1]:
            messages.told(state, "ntfy", now)
    return told


def test_a_failure_is_reported_once_a_day() -> None:
    """An hourly failure is one message, and one more each 24 hours."""
    runs = [(NOW + hour * 3600, FAILED) for hour in range(50)]

    told = story(*runs)

    assert [hour for hour, said in enumerate(told) if said] == [0, 25]


def test_a_recovery_is_reported_once() -> None:
    """And success without trouble never."""
    assert story((0, LAST), (1, LAST), (2, FAILED), (3, LAST), (4, LAST)) == [
        False, False, True, True, False,
    ]  # fmt: skip


def test_another_failure_class_is_reported() -> None:
    """The remedy is another one."""
    auth = replace(FAILED, failure="auth")

    assert story((0, FAILED), (1, auth), (2, auth), (3, FAILED)) == [True, True, False, True]


def test_a_warning_is_reported_and_recovers_like_a_failure() -> None:
    """From warning to failure of the same class is a change, too."""
    worse = replace(WARNED, status="failure")

    assert story((0, WARNED), (1, WARNED), (2, worse), (3, LAST)) == [True, False, True, True]


def test_a_skipped_or_interrupted_run_is_not_reported() -> None:
    """Nor does it end a trouble."""
    assert story((0, SKIPPED), (1, INTERRUPTED)) == [False, False]
    assert story((0, FAILED), (1, SKIPPED), (2, INTERRUPTED), (3, FAILED), (4, LAST)) == [
        True, False, False, False, True,
    ]  # fmt: skip


def test_before_the_first_run_nothing_is_reported() -> None:
    """Nothing happened."""
    assert not messages.worth_telling(remembered(), "ntfy", NOW)


def test_an_undelivered_message_stays_pending() -> None:
    """It is told at the next run."""
    state = changed(STATE, last=FAILED)

    assert messages.worth_telling(state, "ntfy", NOW)
    assert messages.worth_telling(state, "ntfy", NOW + 1)
    messages.told(state, "ntfy", NOW + 1)
    assert not messages.worth_telling(state, "ntfy", NOW + DAY)
    assert messages.worth_telling(state, "ntfy", NOW + DAY + 2)


def test_each_receiver_has_its_own_pending_messages() -> None:
    """Who was not reached is told again, the others are not; nor of the end of what they missed."""
    state = changed(STATE, last=FAILED)
    messages.told(state, "ntfy", NOW)

    assert not messages.worth_telling(state, "ntfy", NOW + 1)
    assert messages.worth_telling(state, "service/1", NOW + 1)
    state.runs.last = LAST
    assert messages.worth_telling(state, "ntfy", NOW + 2)
    assert not messages.worth_telling(state, "service/1", NOW + 2)
    messages.told(state, "ntfy", NOW + 2)
    assert state.reports.notified == {}


def test_a_failure_message_names_workload_cause_and_next_step() -> None:
    """With the user's own title, priority and tags."""
    assert ntfy(FAILED, "wiki - Backup failed") == {
        "topic": "kubernetes",
        "title": "wiki - Backup failed",
        "message": "prod/wiki: backup failure (network): no such host\n"
        "Next: backup-runner status, in container backup of the pod",
        "priority": 5,
        "tags": ["bangbang"],
    }


def test_a_warning_message_says_warning() -> None:
    """Without a title of the user's, ours."""
    message = ntfy(WARNED, "")

    assert message["title"] == "Backup warning: prod/wiki"
    assert message["message"] == "prod/wiki: backup warning (source): 2 unreadable: /a, /b"


def test_a_recovery_has_its_own_title_and_low_priority() -> None:
    """ "Backup failed" would be wrong."""
    assert ntfy(LAST, "wiki - Backup failed") == {
        "topic": "kubernetes",
        "title": "Backup recovered: prod/wiki",
        "message": "prod/wiki: backup recovered: 10 files",
        "priority": 3,
        "tags": ["white_check_mark"],
    }


@pytest.mark.parametrize("letter", ["a", "ü", "語", "🎉", '"', "\\", "\n"])
@pytest.mark.parametrize("offset", range(4))
def test_a_long_message_is_cut_between_characters(letter: str, offset: int) -> None:
    """Beyond 4095 bytes ntfy makes an attachment of it, or refuses it."""
    long = replace(FAILED, message="x" * offset + letter * 9000)

    text = str(ntfy(long, "")["message"])

    assert 3990 <= len(text.encode()) <= 4000
    assert text.rstrip("?" if letter == "\n" else letter).endswith("x" * offset)
    assert "\N{REPLACEMENT CHARACTER}" not in text


def test_a_message_with_invalid_utf_8_can_be_sent() -> None:
    """Names on disk need not be UTF-8."""
    odd = replace(WARNED, message="1 unreadable: /b\udcfcro")

    assert json.dumps(ntfy(odd, "")).encode("ascii")
    assert "/b?ro" in str(ntfy(odd, "")["message"])


def basic(text: str) -> str:
    """Return the header for user and password."""
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("-u backup:s3cret", basic("backup:s3cret")),
        ("-ubackup:s3cret", basic("backup:s3cret")),
        ("--user backup:s3cret", basic("backup:s3cret")),
        ("backup:s3cret", basic("backup:s3cret")),
        ("-u 'backup:s3 cret'", basic("backup:s3 cret")),
        ('-u "backup:s3cret"', basic("backup:s3cret")),
        ("-u backup:a:b", basic("backup:a:b")),
        ("-u :tk_abc", basic(":tk_abc")),
        ("-u büro:schlüssel", basic("büro:schlüssel")),
        ("tk_abcdef", "Bearer tk_abcdef"),
        ("", ""),
        ("-u", ""),
    ],
)
def test_credentials_may_be_userinfo_or_a_token(text: str, header: str) -> None:
    """The old form keeps working."""
    assert messages.credentials(text) == header
