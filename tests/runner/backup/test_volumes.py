"""A backup run, step by step: what it starts, in which order, and how it ends."""

from dataclasses import replace

import pytest

from runner.backup.volumes import after, backup, before
from runner.config import build
from runner.restic.commands import mine
from runner.steps.evaluate import Source
from runner.steps.outcome import Counts, Failure, Outcome, Status
from runner.steps.result import Completed
from tests.runner.config.workload import ENVIRONMENT, PAGES, SECRET, UPLOADS, configured
from tests.runner.steps.conversation import (
    BACKUP,
    EMPTY,
    FACTS,
    GOOD,
    STOPPED,
    SUMMARY,
    failed,
    listing,
    play,
)

SHELL = ("sh", "-c")
SNAPSHOTS = ("restic", "snapshots", "--json", "--no-lock")


def test_a_successful_backup_is_one_command() -> None:
    """Opening a repository costs half a second of CPU: the backup is its own probe."""
    said, outcome = play(backup(configured(), FACTS), [GOOD])

    assert said == [BACKUP]
    assert outcome == Outcome(
        Status.SUCCESS,
        "10 files, 2.0 KiB added",
        snapshot="4f8a1c2e9b",
        counts=Counts(2, 1, 7, source_bytes=5000, added_bytes=2048),
        stale_locks=0,
    )
    assert outcome.protected


@pytest.mark.parametrize("code", [1, 2, 3, 12, 77, 127, 130, -9, -15])
@pytest.mark.parametrize("had_success", [True, False])
def test_a_failed_backup_ends_the_run(code: int, had_success: bool) -> None:
    """Only exit 10 proves that there is no repository, only exit 11 that it is locked."""
    facts = replace(FACTS, had_success=had_success)

    said, outcome = play(backup(configured(), facts), [failed(code, "Fatal: something")])

    assert said == [BACKUP]
    assert outcome.status == Status.FAILURE
    assert outcome.exit_code == code
    assert not outcome.protected
    assert not outcome.initialised


@pytest.mark.parametrize(
    ("done", "failure"),
    [
        (failed(12, "Fatal: wrong password or no key found"), Failure.AUTH),
        (failed(1, "Fatal: dial tcp: lookup s3: no such host"), Failure.NETWORK),
        (failed(1, "Fatal: write: no space left on device"), Failure.SPACE),
        (failed(1, "Fatal: unable to open: NoSuchBucket"), Failure.CONFIG),
        (failed(127, "restic cannot be started: No such file or directory"), Failure.RESTIC),
        (failed(2, "fatal error: out of memory"), Failure.MEMORY),
        (failed(-9), Failure.MEMORY),
        (failed(77), Failure.RESTIC),
    ],
)
def test_a_failure_has_the_class_of_its_exit_code_or_message(
    done: Completed, failure: Failure
) -> None:
    """Each class has its own remedy."""
    _, outcome = play(backup(configured(), FACTS), [done])

    assert (outcome.status, outcome.failure) == (Status.FAILURE, failure)


def test_exit_0_without_a_snapshot_is_a_failure() -> None:
    """Green means restorable."""
    summary = {key: value for key, value in SUMMARY.items() if key != "snapshot_id"}

    said, outcome = play(backup(configured(), FACTS), [Completed(0, messages=(summary,))])

    assert said == [BACKUP]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.RESTIC)
    assert outcome.message.startswith("restic made no snapshot")
    assert not outcome.protected


def test_exit_0_without_output_is_a_failure() -> None:
    """A restic that says nothing has not proved a backup."""
    _, outcome = play(backup(configured(), FACTS), [EMPTY])

    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.RESTIC)


@pytest.mark.parametrize("code", [0, 1, 3, 10, 11, 12, 130, -9, -15])
def test_a_stopped_backup_is_interrupted_with_any_exit_code(code: int) -> None:
    """restic before 0.19 ends with 1, and a race may give any other."""
    done = Completed(code, messages=(SUMMARY,), stopped="signal")

    said, outcome = play(backup(configured(), FACTS), [done])

    assert said == [BACKUP]
    assert (outcome.status, outcome.failure) == (Status.INTERRUPTED, None)
    assert outcome.snapshot == ""
    assert not outcome.protected


@pytest.mark.parametrize(
    ("words", "failure"),
    [
        ("Get: dial tcp 10.0.0.1:443: connect: connection refused", Failure.NETWORK),
        ("something that nobody has seen before", Failure.NETWORK),
        ("The Access Key Id is wrong: InvalidAccessKeyId", Failure.AUTH),
        ("The specified bucket does not exist", Failure.CONFIG),
    ],
)
@pytest.mark.parametrize("code", [1, 130, -15, -9])
def test_a_command_stopped_for_retrying_has_the_class_of_its_message(
    words: str, failure: Failure, code: int
) -> None:
    """Its code only says how we ended it."""
    line = f"Stat(<config/>) returned error, retrying after 7.2s: {words}"
    done = Completed(code, tail=(line,), stopped="retrying")

    said, outcome = play(backup(configured(), FACTS), [done])

    assert said == [BACKUP]
    assert (outcome.status, outcome.failure) == (Status.FAILURE, failure)
    assert words.rpartition(": ")[2] in outcome.message


@pytest.mark.parametrize("key", ["RESTIC_REPOSITORY", "RESTIC_PASSWORD"])
def test_without_repository_or_password_no_command_runs(key: str) -> None:
    """The message names what the Secret lacks."""
    secret = {**SECRET, "PRE_HOOK": "touch /tmp/x"}
    del secret[key]
    bare = build.config(ENVIRONMENT, secret, {})

    said, outcome = play(before(bare), [])

    assert said == []
    assert outcome
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.CONFIG)
    assert outcome.message.startswith(f"{key} is not set")


def test_the_pre_hook_runs_unchanged() -> None:
    """The same shell text as ever."""
    config = configured(secret={"PRE_HOOK": "wiki-dump > /tmp/dump"})

    assert play(before(config), [EMPTY]) == ([(*SHELL, "wiki-dump > /tmp/dump")], None)


def test_without_a_pre_hook_no_command_runs() -> None:
    assert play(before(configured()), []) == ([], None)


@pytest.mark.parametrize("code", [1, 10, 11, 127])
def test_a_failing_pre_hook_prevents_the_backup(code: int) -> None:
    """What it prepares would be missing; and its code is none of restic's."""
    config = configured(secret={"PRE_HOOK": "false"})

    said, outcome = play(before(config), [failed(code, "no database")])

    assert said == [(*SHELL, "false")]
    assert outcome
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.CONFIG)
    assert outcome.message == "the pre-backup hook failed; no backup was made: no database"
    assert outcome.exit_code == code


def test_a_pre_hook_that_hangs_is_a_failure() -> None:
    config = configured(secret={"PRE_HOOK": "sleep 99999"})

    _, outcome = play(before(config), [Completed(-15, stopped="time")])

    assert outcome
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.CONFIG)
    assert "took too long" in outcome.message


def test_a_stopped_pre_hook_is_an_interrupted_run() -> None:
    """Nobody's fault."""
    said, outcome = play(before(configured(secret={"PRE_HOOK": "sleep 9"})), [STOPPED])

    assert said == [(*SHELL, "sleep 9")]
    assert outcome
    assert outcome.status == Status.INTERRUPTED


_ENDS = [Outcome(status, "as it was", Failure.LOCKED) for status in Status]


@pytest.mark.parametrize("outcome", _ENDS, ids=list(Status))
def test_the_post_hook_runs_after_any_backup(outcome: Outcome) -> None:
    config = configured(secret={"POST_HOOK": "thaw"})

    assert play(after(config, outcome), [EMPTY]) == ([(*SHELL, "thaw")], outcome)


@pytest.mark.parametrize("outcome", _ENDS, ids=list(Status))
@pytest.mark.parametrize("done", [failed(3, "frozen"), Completed(-15, stopped="time")])
def test_a_failing_post_hook_is_reported_and_no_success(outcome: Outcome, done: Completed) -> None:
    """Nor does it turn a failure into anything else."""
    _, ended = play(after(configured(secret={"POST_HOOK": "thaw"}), outcome), [done])

    good = outcome.status == Status.SUCCESS
    assert ended.status == (Status.WARNING if good else outcome.status)
    assert ended.failure == (Failure.CONFIG if good else outcome.failure)
    assert ended.message.startswith("as it was; the post-backup hook failed: ")


@pytest.mark.parametrize("code", [1, 3, 10, 11])
def test_a_failing_backup_command_fails_and_never_creates_or_unlocks(code: int) -> None:
    """Its codes mean what its author wants."""
    config = configured(secret={"RESTIC_BACKUP_COMMAND": "mine"})

    said, outcome = play(backup(config, FACTS), [listing(), failed(code, "no luck")])

    assert said == [SNAPSHOTS, (*SHELL, "mine")]
    assert outcome.status == Status.FAILURE
    assert outcome.message == "RESTIC_BACKUP_COMMAND failed: no luck"


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (
            {PAGES: Source.MISSING, UPLOADS: Source.MISSING},
            f"missing: {PAGES}, {UPLOADS}; no backup was made",
        ),
        ({}, "no folder to back up; no backup was made"),
    ],
)
def test_without_a_source_no_command_runs(sources: dict[str, Source], message: str) -> None:
    """And there is no empty snapshot."""
    said, outcome = play(backup(configured(), replace(FACTS, sources=sources)), [])

    assert said == []
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)
    assert outcome.message == message


def test_a_dry_run_is_never_a_backup() -> None:
    """Its summary has the id of a snapshot that was not made."""
    done = Completed(0, messages=({**SUMMARY, "dry_run": True},))
    for secret in ({}, {"RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "--skip-if-unchanged"}):
        said, outcome = play(backup(configured(secret=secret), FACTS), [done])

        assert len(said) == 1
        assert (outcome.status, outcome.snapshot) == (Status.FAILURE, "")


SKIPS = {"RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "--skip-if-unchanged"}
SKIPPED = Completed(
    0, messages=({key: value for key, value in SUMMARY.items() if key != "snapshot_id"},)
)


def test_a_skipped_snapshot_stands_for_its_parent() -> None:
    """Nothing changed, and that is as good as a new one."""
    config = configured(secret=SKIPS)

    said, outcome = play(backup(config, FACTS), [SKIPPED, listing("aa11", "bb22", ours=True)])

    assert said[1] == (*SNAPSHOTS, *mine(config))
    assert outcome.status == Status.SUCCESS
    assert outcome.message == "nothing changed: the newest snapshot, bb22, is still current"
    assert (outcome.snapshot, outcome.unchanged, outcome.protected) == ("bb22", True, True)
    assert outcome.counts.files == 10


@pytest.mark.parametrize("listed", [[], [failed(1, "Fatal: no route to host")]])
def test_a_skipped_snapshot_without_a_parent_is_no_success(listed: list[Completed]) -> None:
    answers = [SKIPPED, *(listed or [listing()])]

    _, outcome = play(backup(configured(secret=SKIPS), FACTS), answers)

    assert (outcome.status, outcome.protected) == (Status.FAILURE, False)


def test_a_source_that_lost_its_files_marks_no_earlier_snapshot() -> None:
    """It may be the last good one."""
    facts = replace(FACTS, sources={PAGES: Source.EMPTY, UPLOADS: Source.FULL})
    listed = listing("aa11", ours=True)

    said, outcome = play(backup(configured(secret=SKIPS), facts), [SKIPPED, listed])

    assert len(said) == 2
    assert (outcome.status, outcome.failure) == (Status.FAILURE, Failure.SOURCE)


CUSTOM = {"RESTIC_BACKUP_COMMAND": "mine --now"}


@pytest.mark.parametrize("sources", [FACTS.sources, {}])
@pytest.mark.parametrize("before", [listing("aa11"), failed(10, "Fatal: no repository")])
def test_a_backup_command_is_a_success_where_it_left_a_snapshot(
    before: Completed, sources: dict[str, Source]
) -> None:
    """Folders need not be mounted: it may dump over the network."""
    config = configured(secret={"PRE_HOOK": "true", **CUSTOM})

    said, outcome = play(
        backup(config, replace(FACTS, sources=sources)), [before, EMPTY, listing("aa11", "bb22")]
    )

    assert said == [SNAPSHOTS, (*SHELL, "mine --now"), SNAPSHOTS]
    assert (outcome.status, outcome.snapshot) == (Status.SUCCESS, "bb22")
    assert outcome.counts == Counts()


@pytest.mark.parametrize(
    ("before", "after", "failure"),
    [
        (listing("aa11"), listing("aa11"), Failure.RESTIC),
        (failed(1, "Fatal: no route to host"), listing("aa11", old=True), Failure.RESTIC),
        (listing("aa11"), listing("aa11", "bb22", others=True), Failure.RESTIC),
        (listing("aa11"), listing("aa11", "bb22", files=0), Failure.SOURCE),
        (listing("aa11"), failed(1, "Fatal: dial tcp: no such host"), Failure.NETWORK),
        (listing("aa11"), failed(12, "Fatal: wrong password"), Failure.AUTH),
    ],
)
def test_a_backup_command_that_left_no_snapshot_is_no_success(
    before: Completed, after: Completed, failure: Failure
) -> None:
    """None, another workload's, one without a file; or it cannot be told."""
    _, outcome = play(backup(configured(secret=CUSTOM), FACTS), [before, EMPTY, after])

    assert (outcome.status, outcome.failure, outcome.protected) == (
        Status.FAILURE, failure, False,
    )  # fmt: skip


def test_a_backup_command_may_skip_what_has_not_changed() -> None:
    config = configured(secret={"RESTIC_BACKUP_COMMAND": "restic backup --skip-if-unchanged /x"})
    same = listing("aa11")

    assert play(backup(config, FACTS), [same, EMPTY, same])[1].snapshot == "aa11"
    assert play(backup(config, FACTS), [listing(), EMPTY, listing()])[1].status == Status.FAILURE
