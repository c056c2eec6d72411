"""Retention and the look at what is there: always by host and all our tags."""

import json

import pytest

from runner.maintenance.operations import forget
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from runner.steps.task import TaskResult
from tests.runner.config.workload import configured
from tests.runner.steps.conversation import EMPTY, LOCKED, STOPPED, failed, play

MINE = ("--host", "wiki", "--tag", "ns=prod,kind=Deployment,workload=wiki")
FORGET = (
    "restic", "forget", "--json", "-q", "--retry-lock", "900s", *MINE, "--group-by", "host,tags",
    "--keep-last", "1", "--keep-hourly", "24", "--keep-daily", "7", "--keep-weekly", "4",
    "--keep-monthly", "12", "--keep-tag", "keep",
)  # fmt: skip
NOTHING = {
    f"backup.keep-{period}": "0"
    for period in ("last", "hourly", "daily", "weekly", "monthly", "yearly")
}


def groups(*, keep: int, remove: int) -> dict[str, object]:
    """Return one group of ``restic forget --json``."""
    return {
        "tags": ["ns=prod"],
        "host": "wiki",
        "paths": None,
        "keep": [{"id": str(number)} for number in range(keep)],
        "remove": [{"id": str(number)} for number in range(remove)] or None,
        "reasons": [],
    }


def test_forget_applies_retention_to_this_workload_only() -> None:
    """Host, tags, groups and every keep flag that is not 0."""
    done = Completed(0, text=json.dumps([groups(keep=9, remove=3)]))

    said, forgotten = play(forget(configured()), [done])

    assert said == [FORGET]
    assert forgotten == TaskResult(Status.SUCCESS, "3 removed, 9 kept", None, 3, 9)


def test_the_cluster_is_a_tag_filter() -> None:
    """Two clusters that share a repository do not forget each other's snapshots."""
    config = configured({"BACKUP_CLUSTER": "home"})

    said, _ = play(forget(config), [EMPTY])

    assert "ns=prod,kind=Deployment,workload=wiki,cluster=home" in said[0]


@pytest.mark.parametrize(
    ("annotations", "keep"),
    [
        ({**NOTHING, "backup.keep-daily": "3"}, ("--keep-daily", "3")),
        ({**NOTHING, "backup.keep-yearly": "5"}, ("--keep-yearly", "5")),
        ({**NOTHING, "backup.keep-within": "1y6m"}, ("--keep-within", "1y6m")),
    ],
)
def test_a_keep_of_0_is_no_flag(annotations: dict[str, str], keep: tuple[str, ...]) -> None:
    """restic refuses some zeros and takes others for a policy."""
    said, _ = play(forget(configured(annotations=annotations)), [EMPTY])

    assert said == [(*FORGET[: FORGET.index("--keep-last")], *keep, "--keep-tag", "keep")]


def test_keep_within_is_added_to_the_others() -> None:
    """It only adds."""
    said, _ = play(forget(configured(annotations={"backup.keep-within": "30d"})), [EMPTY])

    assert said == [(*FORGET[:-2], "--keep-within", "30d", "--keep-tag", "keep")]


def test_every_keep_0_keeps_everything() -> None:
    """Nothing is started at all."""
    said, forgotten = play(forget(configured(annotations=NOTHING)), [])

    assert said == []
    assert forgotten.status == Status.SKIPPED
    assert forgotten.kept is None


def test_forget_never_prunes() -> None:
    """Pruning takes an exclusive lock."""
    said, _ = play(forget(configured()), [EMPTY])

    assert "--prune" not in said[0]


def test_empty_output_is_nothing_removed_and_nothing_kept() -> None:
    """What restic prints where no snapshot matches."""
    _, forgotten = play(forget(configured()), [EMPTY])

    assert forgotten == TaskResult(Status.SUCCESS, "0 removed, 0 kept", None, 0, 0)


def test_several_groups_are_summed() -> None:
    """A user's own tag makes another group."""
    done = Completed(0, text=json.dumps([groups(keep=2, remove=0), groups(keep=3, remove=4)]))

    _, forgotten = play(forget(configured()), [done])

    assert (forgotten.removed, forgotten.kept) == (4, 5)


def test_a_locked_repository_is_skipped_until_the_next_time() -> None:
    """Without unlock: only a backup is worth that."""
    said, forgotten = play(forget(configured()), [LOCKED])

    assert said == [FORGET]
    assert (forgotten.status, forgotten.failure) == (Status.SKIPPED, Failure.LOCKED)
    assert forgotten.kept is None


@pytest.mark.parametrize(
    ("done", "failure"),
    [
        (failed(1, "Fatal: dial tcp: connection refused"), Failure.NETWORK),
        (failed(3, "unable to remove <snapshot/4f8a>: 403 Forbidden"), Failure.AUTH),
        (failed(10, "Fatal: repository does not exist"), Failure.CONFIG),
        (failed(77), Failure.RESTIC),
    ],
)
def test_a_failed_forget_reports_its_cause(done: Completed, failure: Failure) -> None:
    """Its own status; the backup before it stays what it was."""
    said, forgotten = play(forget(configured()), [done])

    assert said == [FORGET]
    assert (forgotten.status, forgotten.failure) == (Status.FAILURE, failure)
    assert forgotten.message.startswith("retention failed: ")
    assert forgotten.kept is None


def test_a_stopped_forget_is_interrupted() -> None:
    """Whatever its code."""
    _, forgotten = play(forget(configured()), [STOPPED])

    assert (forgotten.status, forgotten.failure) == (Status.INTERRUPTED, None)
