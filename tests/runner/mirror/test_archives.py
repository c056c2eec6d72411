"""Archives go by their real dates, and never on the word of a clock that may be wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from runner.mirror import archives
from runner.schedule import due
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from runner.steps.task import TaskResult
from tests.runner.config.workload import NOW, configured
from tests.runner.steps.conversation import EMPTY, STOPPED, failed, play

MIRRORING = {"BACKUP_ENGINE": "rclone"}
SECRET = {"BUP_DST": "there:backups"}
CONFIG = configured(MIRRORING, SECRET)
BASE = "backupmirror:prod/Deployment/wiki"
LIST = ("rclone", "lsf", "--dirs-only", "--dir-slash=false", "--use-json-log", "--", BASE)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86400


def named(*, days: float) -> str:
    """Return an archive of so many days ago."""
    return (NOW - timedelta(days=days)).strftime("archive-%Y-%m-%dT%H%M%SZ")


def purge(folder: str) -> tuple[str, ...]:
    """Return the command that deletes an archive."""
    return ("rclone", "purge", "--use-json-log", "--", f"{BASE}/{folder}")


def listed(*folders: str) -> Completed:
    """Return the answer to a list of folders."""
    return Completed(0, text="\n".join(("mirror", *folders)))


OLD, YOUNG = named(days=7.01), named(days=6.99)


@pytest.mark.parametrize(
    "folder",
    [
        "mirror", "archive-", "archive-2026-02-30T000000Z", "archive-2026-1-01T000000Z", f"x{OLD}",
        f"{OLD}x", f"{OLD}/data", OLD.upper(), OLD.replace("Z", ""), OLD[:18], "", "..",
    ],
)  # fmt: skip
def test_a_folder_without_our_name_is_never_expired(folder: str) -> None:
    assert archives.expired([folder, OLD], NOW, 7) == [OLD]


def test_the_oldest_archive_is_deleted_first() -> None:
    ages = [named(days=days) for days in (8, 100, 30)]

    assert archives.expired([*ages, YOUNG], NOW, 7) == [ages[1], ages[2], ages[0]]


@pytest.mark.parametrize("year", [1970, 1980, 2000, 2023])
def test_an_archive_with_an_unset_clock_stays(year: int) -> None:
    assert archives.expired([f"archive-{year}-06-01T000000Z"], NOW, 7) == []


def test_only_expired_archives_are_deleted() -> None:
    answers = [listed(YOUNG, OLD, "foreign"), EMPTY]

    said, done = play(archives.forget(CONFIG, NOW, LONG_AGO, 600), answers)

    assert said == [LIST, purge(OLD)]
    assert done == TaskResult(Status.SUCCESS, "1 archive removed, 1 kept", None, 1)


def test_a_clock_set_back_suspends_retention() -> None:
    said, done = play(archives.forget(CONFIG, NOW, LONG_AGO, 600), [listed(OLD, named(days=-1))])

    assert said == [LIST]
    assert done.status == Status.FAILURE
    assert named(days=-1) in done.message


def test_clocks_of_two_nodes_may_differ_a_little() -> None:
    answers = [listed(OLD, named(days=-0.01)), EMPTY]

    assert play(archives.forget(CONFIG, NOW, LONG_AGO, 600), answers)[1].status == Status.SUCCESS


@pytest.mark.parametrize(("days", "kept"), [(0, True), (6.9, True), (7.1, False)])
def test_after_a_gap_archives_are_kept_as_long_as_a_new_one(days: float, kept: bool) -> None:
    resumed = NOW - timedelta(days=days)
    answers = [listed(OLD)] if kept else [listed(OLD), EMPTY]

    said, done = play(archives.forget(CONFIG, NOW, resumed, 600), answers)

    assert (purge(OLD) not in said) == kept
    assert done.status == (Status.SKIPPED if kept else Status.SUCCESS)


def test_archives_kept_for_ever_need_no_command() -> None:
    config = configured(MIRRORING, SECRET, {"backup.keep-archives": "0d"})

    assert play(archives.forget(config, NOW, LONG_AGO, 600), [])[1].status == Status.SKIPPED


@pytest.mark.parametrize(
    ("answer", "status", "failure"),
    [
        (STOPPED, Status.INTERRUPTED, None),
        (Completed(1, stopped="time"), Status.INTERRUPTED, None),
        (failed(1, "dial tcp: connection refused"), Status.FAILURE, Failure.NETWORK),
    ],
)
@pytest.mark.parametrize("step", [0, 1])
def test_retention_ends_where_a_command_fails(
    answer: Completed, status: Status, failure: Failure | None, step: int
) -> None:
    answers = [listed(OLD, named(days=30)), EMPTY]
    answers[step:] = [answer]

    said, done = play(archives.forget(CONFIG, NOW, LONG_AGO, 600), answers)

    assert (done.status, done.failure) == (status, failure)
    assert len(said) == step + 1


@pytest.mark.parametrize("schedule", ["@hourly", "@daily", "@weekly", "@monthly"])
def test_a_gap_is_longer_than_schedule_and_retention(schedule: str) -> None:
    """Else a mirror that is made once a month would never lose an archive."""
    config = configured(MIRRORING, SECRET, {"backup.schedule": schedule})
    last = due.next_slot(NOW.timestamp(), config) or 0
    then = due.next_slot(last, config) or 0

    assert not archives.is_gap(config, last, then + 3600)
    assert not archives.is_gap(config, last, then + 7 * DAY - 60)
    assert archives.is_gap(config, last, then + 7 * DAY + 60)
    assert not archives.is_gap(configured(), last, then + 7 * DAY + 60)


def test_an_unknown_last_success_is_a_gap() -> None:
    assert archives.is_gap(CONFIG, 0, NOW.timestamp())
