"""What storages say when they are full, and for how long a backup waits for room."""

import json

import pytest

from runner.steps import failure_patterns
from runner.steps.listener import Listener
from runner.steps.outcome import Failure

LIMIT = 120.0
SAVE = "Save(<data/4f8a1c2e9b>)"
FULL = (
    "client.PutObject: Quota exceeded",  # Ceph, Hetzner
    "client.PutObject: QuotaExceeded",
    "Storage backend has reached its minimum free drive threshold. Please delete a few objects",
    "XMinioStorageFull: Storage backend is full",
    "b2_upload_file: 403: Cannot upload files, storage cap exceeded. See the Caps & Alerts page",
    "Cannot upload files, storage cap exceeded: AccessDenied",
    "b2: storage_cap_exceeded (403)",
    "unexpected HTTP response (507): 507 Insufficient Storage",
    "server response unexpected: 413 Request Entity Too Large (413)",
    "HTTP Error: 413: Upload exceeds quota.",  # Swift
    "RESPONSE 409: The total size of this storage account exceeds its capacity",  # Azure
    "the account has reached its maximum capacity",
    "googleapi: Error 403: The user's Drive storage quota has been exceeded., storageQuotaExceeded",
    "path/insufficient_space/..",  # Dropbox
    "quotaLimitReached: Insufficient Space Available",  # OneDrive
    "Failed to copy: Over quota",  # Mega
    'sftp: "Failure" (SSH_FX_FAILURE): no space left on device',
    "write /repository/data/4f/tmp-1: no space left on device",
    "write /repository/data/4f/tmp-1: disk quota exceeded",
    "There is not enough space on the disk.",
    "incoming blob (512 bytes) would exceed maximum size of repository (1024 bytes)",
)  # fmt: skip
NOT_FULL = (
    "googleapi: Error 429: Quota exceeded for quota metric 'Queries' and limit 'per minute'",
    "googleapi: Error 403: User Rate Limit Exceeded, userRateLimitExceeded",
    "SlowDown: Please reduce your request rate.",
    "unexpected HTTP response (500): 500 Internal Server Error",
    "client.PutObject: Access Denied.",
    "client.PutObject: The specified bucket does not exist",
    "transaction_cap_exceeded",
)


def _save(listener: Listener, why: str, now: float, pause: str = "1s", what: str = SAVE) -> None:
    listener.stderr(f"{what} returned error, retrying after {pause}: {why}", now)


def _refuse(listener: Listener, why: str, until: float) -> None:
    """Let restic try again and again, as it does: the pauses grow up to a minute."""
    now, pause = 0.0, 0.5
    while now < until:
        _save(listener, why, now, f"{pause:.1f}s")
        now += pause
        pause = min(60.0, pause * 1.5)


@pytest.mark.parametrize("why", FULL)
def test_a_lack_of_space_is_reported_as_space(why: str) -> None:
    """Also where a server calls it a lack of rights."""
    assert failure_patterns.meaning(why) == Failure.SPACE


@pytest.mark.parametrize("why", NOT_FULL)
def test_other_refusals_are_not_a_lack_of_space(why: str) -> None:
    """Being asked to go slower is none."""
    assert failure_patterns.meaning(why) != Failure.SPACE


@pytest.mark.parametrize("why", FULL)
def test_full_storage_is_given_up_within_the_open_timeout(why: str) -> None:
    """restic alone tries for 15 minutes."""
    listener = Listener(progress={"percent_done": 0.5})
    _refuse(listener, why, 20)
    assert not listener.keeps_retrying(LIMIT)

    _refuse(listener, why, LIMIT)

    assert listener.keeps_retrying(LIMIT)
    done = listener.completed(130, "retrying")
    assert done.failure == Failure.SPACE
    assert "still no answer" not in done.said


def test_one_refusal_stops_no_backup() -> None:
    """Room may be made at once; a long pause alone says nothing."""
    listener = Listener()
    for number in range(9):
        _save(listener, FULL[0], number, "15m", f"Save(<data/{number}>)")

    assert not listener.keeps_retrying(LIMIT)


def test_freed_space_lets_a_backup_continue() -> None:
    """restic says that it succeeded."""
    listener = Listener()
    _refuse(listener, FULL[0], 110)
    listener.stderr(f"{SAVE} operation successful after 9 retries", 111)
    _refuse(listener, FULL[0], 5)

    assert not listener.keeps_retrying(LIMIT)


def test_the_cause_reported_by_rclone_is_used() -> None:
    """restic sees a bare 500 of the rclone that it started."""
    listener = Listener()
    now, pause = 0.0, 0.5
    while now < LIMIT:
        listener.stderr("rclone: ERROR : data/4f: Post request put error: insufficient_space", now)
        _save(
            listener, "unexpected HTTP response (500): 500 Internal Server Error", now, f"{pause}s"
        )
        now, pause = now + pause, min(60.0, pause * 1.5)

    assert listener.keeps_retrying(LIMIT)
    assert listener.completed(130, "retrying").failure == Failure.SPACE


def test_verbose_messages_are_not_kept() -> None:
    """There is one for each file."""
    listener = Listener()
    for number in range(1000):
        message = {"message_type": "verbose_status", "action": "new", "item": f"/v/{number}"}
        listener.stdout(json.dumps(message))
    listener.stdout(json.dumps({"message_type": "summary", "snapshot_id": "4f8a"}))

    assert [each["message_type"] for each in listener.messages] == ["summary"]
