"""Messages: when there is news, what they say, and who may send them."""

import base64
import json
from dataclasses import replace

import pytest

from runner import report
from runner.state import Last, State
from tests.runner.test_report import DAY, FAILED, LAST, NOW, STATE
from tests.runner.workload import NTFY, configured

CONFIG = configured(secret=NTFY)
WARNED = replace(LAST, status="warning", failure="source", message="2 unreadable: /a, /b")
SKIPPED = replace(LAST, status="skipped", failure="locked")
INTERRUPTED = replace(LAST, status="interrupted")


def story(*runs: tuple[float, Last]) -> list[bool]:
    """Return which of these runs is told, one after another, each message being delivered."""
    state, told = State(run_now=""), []
    for now, last in runs:
        state.last = last
        told.append(report.worth_telling(state, "ntfy", now))
        if told[-1]:
            report.told(state, "ntfy", now)
    return told


def test_a_failure_is_told_once_a_day() -> None:
    """An hourly failure is one message, and one more each 24 hours."""
    runs = [(NOW + hour * 3600, FAILED) for hour in range(50)]

    told = story(*runs)

    assert [hour for hour, said in enumerate(told) if said] == [0, 25]


def test_a_recovery_is_told_once() -> None:
    """And success without trouble never."""
    assert story((0, LAST), (1, LAST), (2, FAILED), (3, LAST), (4, LAST)) == [
        False, False, True, True, False,
    ]  # fmt: skip


def test_another_class_is_news() -> None:
    """The remedy is another one."""
    auth = replace(FAILED, failure="auth")

    assert story((0, FAILED), (1, auth), (2, auth), (3, FAILED)) == [True, True, False, True]


def test_a_warning_is_told_and_recovers_like_a_failure() -> None:
    """From warning to failure of the same class is a change, too."""
    worse = replace(WARNED, status="failure")

    assert story((0, WARNED), (1, WARNED), (2, worse), (3, LAST)) == [True, False, True, True]


def test_a_run_that_was_skipped_or_interrupted_is_no_news() -> None:
    """Nor does it end a trouble."""
    assert story((0, SKIPPED), (1, INTERRUPTED)) == [False, False]
    assert story((0, FAILED), (1, SKIPPED), (2, INTERRUPTED), (3, FAILED), (4, LAST)) == [
        True, False, False, False, True,
    ]  # fmt: skip


def test_before_the_first_run_there_is_no_news() -> None:
    """Nothing happened."""
    assert not report.worth_telling(State(run_now=""), "ntfy", NOW)


def test_a_message_that_was_not_delivered_stays_news() -> None:
    """It is told at the next run."""
    state = replace(STATE, last=FAILED)

    assert report.worth_telling(state, "ntfy", NOW)
    assert report.worth_telling(state, "ntfy", NOW + 1)
    report.told(state, "ntfy", NOW + 1)
    assert not report.worth_telling(state, "ntfy", NOW + DAY)
    assert report.worth_telling(state, "ntfy", NOW + DAY + 2)


def test_each_receiver_has_its_own_news() -> None:
    """Who was not reached is told again, the others are not; nor of the end of what they missed."""
    state = replace(STATE, last=FAILED)
    report.told(state, "ntfy", NOW)

    assert not report.worth_telling(state, "ntfy", NOW + 1)
    assert report.worth_telling(state, "service/1", NOW + 1)
    state.last = LAST
    assert report.worth_telling(state, "ntfy", NOW + 2)
    assert not report.worth_telling(state, "service/1", NOW + 2)
    report.told(state, "ntfy", NOW + 2)
    assert state.notified == {}


def test_a_failure_message_names_who_what_and_what_next() -> None:
    """With the user's own title, priority and tags."""
    assert report.ntfy(CONFIG, FAILED, "wiki - Backup failed") == {
        "topic": "kubernetes",
        "title": "wiki - Backup failed",
        "message": "prod/wiki: backup failure (network): no such host\n"
        "Next: backup-runner status, in container backup of the pod",
        "priority": 5,
        "tags": ["bangbang"],
    }


def test_a_warning_message_says_warning() -> None:
    """Without a title of the user's, ours."""
    message = report.ntfy(CONFIG, WARNED, "")

    assert message["title"] == "Backup warning: prod/wiki"
    assert message["message"] == "prod/wiki: backup warning (source): 2 unreadable: /a, /b"


def test_a_recovery_has_its_own_title_and_low_priority() -> None:
    """ "Backup failed" would be wrong."""
    assert report.ntfy(CONFIG, LAST, "wiki - Backup failed") == {
        "topic": "kubernetes",
        "title": "Backup recovered: prod/wiki",
        "message": "prod/wiki: backup recovered: 10 files",
        "priority": 3,
        "tags": ["white_check_mark"],
    }


@pytest.mark.parametrize("letter", ["a", "ü", "語", "🎉", '"', "\\", "\n"])
@pytest.mark.parametrize("offset", range(4))
def test_a_long_message_is_cut_between_letters(letter: str, offset: int) -> None:
    """Beyond 4095 bytes ntfy makes an attachment of it, or refuses it."""
    long = replace(FAILED, message="x" * offset + letter * 9000)

    text = report.ntfy(CONFIG, long, "")["message"]

    assert 3990 <= len(text.encode()) <= 4000
    assert text.rstrip(letter).endswith("x" * offset)
    assert "\N{REPLACEMENT CHARACTER}" not in text


def test_a_message_with_odd_bytes_of_file_names_can_be_sent() -> None:
    """Names on disk need not be UTF-8."""
    odd = replace(WARNED, message="1 unreadable: /b\udcfcro")

    assert json.dumps(report.ntfy(CONFIG, odd, "")).encode("ascii")
    assert "/b?ro" in report.ntfy(CONFIG, odd, "")["message"]


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
def test_credentials_in_curls_form_or_as_a_token(text: str, header: str) -> None:
    """The old form keeps working."""
    assert report.credentials(text) == header


@pytest.mark.parametrize(
    ("status", "level"),
    [("success", "info"), ("warning", "warning"), ("failure", "error"),
     ("skipped", "warning"), ("interrupted", "warning")],
)  # fmt: skip
def test_the_level_of_a_log_line(status: str, level: str) -> None:
    """Only a failure is an error."""
    assert report.level(status) == level


def test_log_fields_leave_out_what_says_nothing() -> None:
    """But keep zeros, which say something."""
    assert report.fields(replace(LAST, new=0)) == {
        "status": "success",
        "seconds": 20.5,
        "snapshot": "4f8a1c2e",
        "files_new": 0,
        "files_changed": 1,
        "files_unmodified": 7,
        "source_bytes": 5000,
        "added_bytes": 2048,
        "exit_code": 0,
    }
    assert report.fields(FAILED)["class"] == "network"
