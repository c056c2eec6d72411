"""What rclone writes, as it really does: JSON lines of a log."""

import json

import pytest

from runner.steps.outcome import Failure
from runner.steps.result import Completed
from tests.runner.steps.test_result import heard

DENIED = "open /backup/data/b: permission denied"


def line(said: str, item: str = "", level: str = "error", **more: object) -> str:
    """Return a line of rclone's log; ``item`` is the file that it is about."""
    return json.dumps({"level": level, "msg": said} | ({"object": item} if item else {}) | more)


def end(said: str) -> str:
    """Return rclone's last line."""
    return line(said, level="notice")


def test_one_file_of_the_source_is_no_other_error() -> None:
    done = heard(
        line(f"Failed to copy: failed to open source object: {DENIED}", "b"),
        line("not deleting files as there were IO errors", "Local file system at /there"),
        line(f"Attempt 3/3 failed with 1 errors and: failed to open source object: {DENIED}"),
        end(f"Failed to sync: failed to open source object: {DENIED}"),
    )

    assert (done.unreadable, done.read_errors, done.other_errors) == (("b",), 1, False)


def test_folders_and_files_of_the_source_are_named() -> None:
    done = heard(
        line(f'failed to open directory "sub": {DENIED}', "sub"),
        line(f"Failed to copy: failed to open source object: {DENIED}", "b"),
        end(
            f"Failed to sync with 2 errors: last error was: failed to open source object: {DENIED}"
        ),
    )

    assert (done.unreadable, done.other_errors) == (("sub", "b"), False)


def test_errors_of_the_destination_outrank_those_of_the_source() -> None:
    done = heard(
        line("Failed to copy: dial tcp: connection refused", "a"),
        line(f"Failed to copy: failed to open source object: {DENIED}", "b"),
        end(
            f"Failed to sync with 2 errors: last error was: failed to open source object: {DENIED}"
        ),
    )

    assert done.other_errors
    assert done.failure == Failure.NETWORK
    assert "connection refused" in done.said


def test_a_failed_count_names_its_cause() -> None:
    done = heard(line(f'failed to open directory "": {DENIED}'), code=6)

    assert "permission denied" in done.said


@pytest.mark.parametrize(
    ("said", "code", "failure"),
    [
        ("preallocate: file too big for remaining disk space", 1, Failure.SPACE),
        ("write /there/x: no space left on device", 1, Failure.SPACE),
        ("dial tcp 127.0.0.1:1: connect: connection refused", 1, Failure.NETWORK),
        ("dial tcp: lookup nowhere.invalid: no such host", 1, Failure.NETWORK),
        ("operation error S3: PutObject, api error AccessDenied: no", 1, Failure.AUTH),
        ("api error SignatureDoesNotMatch: ...", 1, Failure.AUTH),
        ("api error NoSuchBucket: The specified bucket", 1, Failure.CONFIG),
        ('didn\'t find section in config file ("there")', 1, Failure.CONFIG),
        ("something else", 5, Failure.NETWORK),
        ("something else", 2, Failure.CONFIG),
        ("something else", 1, Failure.RESTIC),
    ],
)
def test_a_failure_has_a_class(said: str, code: int, failure: Failure) -> None:
    done = heard(end(f"Failed to sync: {said}"), code=code)

    assert done.failure == failure
    assert said in done.said


def test_the_last_stats_count() -> None:
    done: Completed = heard(
        line("...", level="notice", stats={"bytes": 1}),
        line("...", level="notice", stats={"bytes": 4, "transfers": 2}),
        code=0,
    )

    assert done.message("stats") == {"message_type": "stats", "bytes": 4, "transfers": 2}
    assert done.tail == ()
