"""What is learnt of this workload's snapshots: only those count that are as they should be."""

import json
from datetime import UTC, datetime

import pytest

from contract.snapshots import Size, read
from runner.restic.snapshots import LastBackup, last_backup, of_volumes, once_full
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from runner.steps.step import RunEnded
from tests.runner.config.workload import configured
from tests.runner.steps.conversation import EMPTY, MISSING, failed, play

MINE = ("--host", "wiki", "--tag", "ns=prod,kind=Deployment,workload=wiki")


def test_the_last_snapshot_is_the_latest_of_this_workload() -> None:
    """In whatever order and zone they are listed."""
    times = ["2026-11-22T10:00:00Z", "2026-11-23T12:00:00.123456789+01:00", "odd"]
    text = json.dumps([*({"id": "x", "time": time} for time in times), {"id": "y"}])

    said, last = play(last_backup(configured()), [Completed(0, text=text)])

    assert said == [("restic", "snapshots", "--json", "--no-lock", *MINE)]
    assert last == LastBackup(datetime(2026, 11, 23, 11, 0, 0, 123456, tzinfo=UTC), None)


@pytest.mark.parametrize(
    ("summary", "held"),
    [
        ({"total_files_processed": 7, "total_bytes_processed": 900}, Size(7, 900)),
        ({"total_files_processed": 7}, None),
        ({"total_files_processed": "many", "total_bytes_processed": 900}, None),
        ("odd", None),
    ],
)
def test_a_snapshot_has_its_size(summary: object, held: Size | None) -> None:
    """One made by an older restic does not."""
    text = json.dumps([{"time": "2026-11-22T10:00:00Z", "summary": summary}])

    _, last = play(last_backup(configured()), [Completed(0, text=text)])

    assert last == LastBackup(datetime(2026, 11, 22, 10, tzinfo=UTC), held)


@pytest.mark.parametrize(
    ("done", "certain"),
    [
        (EMPTY, True),
        (Completed(0, text="[]"), True),
        (failed(10), True),
        (failed(12), False),
        (Completed(1, text="oops"), False),
    ],
)
def test_an_empty_list_has_no_snapshot(done: Completed, certain: bool) -> None:
    """Nor is an answer that cannot be read, which is asked for again."""
    assert play(last_backup(configured()), [done])[1] == LastBackup(None, None, certain)


def test_an_unresponsive_repository_ends_the_run() -> None:
    """The backup would wait as long again."""
    retrying = Completed(130, stopped="retrying")

    with pytest.raises(RunEnded) as ended:
        play(last_backup(configured()), [retrying])

    assert (ended.value.outcome.status, ended.value.outcome.failure) == (
        Status.FAILURE, Failure.NETWORK,
    )  # fmt: skip


def test_a_doubtful_snapshot_is_no_baseline() -> None:
    """It was made of a volume that had lost its files."""
    good = {"id": "a1", "time": "2026-11-22T10:00:00Z", "tags": ["ns=prod"]}
    doubtful = {"id": "b2", "time": "2026-11-23T10:00:00Z", "tags": ["ns=prod", "doubtful"]}
    listed = Completed(0, text=json.dumps([good, doubtful]))

    assert of_volumes([read(good), read(doubtful)]) == "a1"
    _, last = play(last_backup(configured()), [listed])
    assert last == LastBackup(datetime(2026, 11, 22, 10, tzinfo=UTC), None)
    said, _ = play(once_full(configured(), ["/backup/pages"]), [listed, EMPTY])
    assert said[1] == (
        "restic", "ls", "--json", "--no-lock", "--recursive", "a1", "/backup/pages",
        "/var/lib/backup/tmp/sqlite/backup/pages",
    )  # fmt: skip


def test_an_unreadable_list_is_not_taken_for_an_empty_one() -> None:
    """A volume that is empty now may have been full: that decides whether this counts."""
    with pytest.raises(RunEnded):
        play(once_full(configured(), ["/backup/pages"]), [failed(1, "Fatal: no route")])
    assert play(once_full(configured(), ["/backup/pages"]), [MISSING])[1] == set()


def test_backups_under_an_earlier_name_are_the_last_until_there_is_one_of_this_name() -> None:
    config = configured({"BACKUP_HOST": "web", "BACKUP_KIND": "DeploymentConfig",
                         "BACKUP_WORKLOAD": "web"})  # fmt: skip
    rollouts = [
        {"id": f"a{day}", "time": f"2026-11-0{day}T10:00:00Z", "hostname": f"web-{day}",
         "tags": ["ns=prod", "kind=ReplicationController", f"workload=web-{day}"]}
        for day in (1, 2)
    ]  # fmt: skip
    other = {**rollouts[1], "id": "b", "time": "2026-11-09T10:00:00Z", "hostname": "web-3",
             "tags": ["ns=prod", "kind=Deployment", "workload=web-3"]}  # fmt: skip
    listed = Completed(0, text=json.dumps([*rollouts, other]))

    said, last = play(last_backup(config), [listed])
    looked, _ = play(once_full(config, ["/backup/pages"]), [listed, EMPTY])

    assert said == [("restic", "snapshots", "--json", "--no-lock", "--tag", "ns=prod")]
    assert last == LastBackup(datetime(2026, 11, 2, 10, tzinfo=UTC), None)
    assert "a2" in looked[1]
