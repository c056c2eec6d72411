"""Whose retention the maintenance job applies; in any doubt, nobody's."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from contract.snapshots import Snapshot
from runner.maintenance.central import policy, ruling
from runner.maintenance.central.ruling import Verdict
from runner.maintenance.retention import policy_records
from runner.maintenance.retention.policy_records import HOST, Owner
from runner.restic import commands
from runner.schedule import deadlines
from runner.state.model import Task
from runner.steps.outcome import Failure, Status
from runner.steps.task import TaskResult
from tests.runner.config.workload import NOW, configured, remembered
from tests.runner.steps.conversation import EMPTY, play

JOB = {
    "BACKUP_NAMESPACE": "backup-webhook", "BACKUP_HOST": "maintenance",
    "BACKUP_DEFAULTS": '{"shrink-grace": "0d"}',
}  # fmt: skip
WIKI = Owner("prod", "wiki", "Deployment", "wiki")
DAYS = [NOW - timedelta(days=day) for day in range(30)]


def _made(owner: Owner, *times: datetime) -> list[Snapshot]:
    tags = [f"ns={owner.namespace}", f"kind={owner.kind}", f"workload={owner.workload}"]
    tags += [f"cluster={owner.cluster}"] if owner.cluster else []
    return [Snapshot(time=time, host=owner.host, tags=tuple(tags)) for time in times or DAYS]


def _record(owner: Owner, *tags: str, made: datetime = NOW) -> Snapshot:
    tags = (policy_records.RETENTION, *tags)
    return Snapshot(time=made, host=HOST, tags=tags, paths=(owner.path,))


def _verdicts(*found: Snapshot, secret: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    ruled = ruling.rulings(configured(JOB, secret), found, found, NOW, {})
    return {str(each.owner): (each.verdict.value, each.why) for each in ruled}


@pytest.mark.parametrize(
    ("tags", "verdict", "why"),
    [
        (("keep-last=2",), "applied", "keep-last=2"),
        (("keep=all",), "kept", "everything"),
        (("keep=own",), "kept", "its sidecar applies it"),
        (("keep-last=2", "held=yes"), "held", "a source lost its files"),
        (("keep=all", "held=yes"), "held", "a source lost its files"),
        (("keep-last=two",), "failed", "its record cannot be read"),
        (("keep-last=2", "copy=yes"), "applied", "keep-last=2 copy=yes"),
    ],
)
def test_a_record_sets_the_keep_policy(tags: tuple[str, ...], verdict: str, why: str) -> None:
    told = _verdicts(*_made(WIKI), _record(WIKI, *tags))["prod/wiki"]

    assert told[0] == verdict
    assert why in told[1]


def test_the_newest_record_counts_in_any_order() -> None:
    old = _record(WIKI, "keep-last=9", made=NOW - timedelta(days=1))
    new = _record(WIKI, "keep-last=2", made=NOW - timedelta(hours=1))

    for order in ([old, new], [new, old]):
        assert _verdicts(*_made(WIKI), *order)["prod/wiki"] == ("applied", "keep-last=2")


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"made": NOW - timedelta(days=16)}, "is old, but it has backed up since"),
        ({"made": NOW + timedelta(days=2)}, "a clock was wrong"),
    ],
)
def test_a_record_with_an_implausible_time_suspends_retention(
    record: dict[str, datetime], why: str
) -> None:
    told = _verdicts(*_made(WIKI), _record(WIKI, "keep-last=1", **record))["prod/wiki"]

    assert told[0] == "held"
    assert why in told[1]


def test_a_workload_that_applies_its_own_policy_is_named_once() -> None:
    record = _record(WIKI, "keep=own", made=NOW - timedelta(days=99))

    told = _verdicts(*_made(WIKI), record)["prod/wiki"]

    assert told == ("kept", "its sidecar applies it")


def test_an_old_record_counts_for_a_workload_without_newer_backups() -> None:
    gone = [time - timedelta(days=100) for time in DAYS]
    record = _record(WIKI, "keep-last=1", made=gone[0])

    assert _verdicts(*_made(WIKI, *gone), record)["prod/wiki"][0] == "applied"


def test_clocks_are_checked_as_in_a_sidecar() -> None:
    ahead = _made(WIKI, *DAYS, NOW + timedelta(days=3))
    gap = _made(WIKI, NOW, NOW - timedelta(days=60))

    for found, why in ((ahead, "from the future"), (gap, "nothing was backed up between")):
        told = _verdicts(*found, _record(WIKI, "keep-last=1", made=NOW))["prod/wiki"]
        assert told[0] == "held"
        assert why in told[1]


def test_without_a_record_everything_is_kept_unless_the_jobs_secret_sets_a_policy() -> None:
    gone = _made(WIKI, *(time - timedelta(days=16) for time in DAYS))

    assert _verdicts(*gone)["prod/wiki"] == ("held", "it has no retention record")
    assert _verdicts(*gone, secret={"KEEP_ARCHIVES": "3d"})["prod/wiki"][0] == "held"
    told = _verdicts(*gone, secret={"KEEP_DAILY": "3"})["prod/wiki"]
    assert told == ("applied", "by the KEEP_… of the job's own Secret")


def test_a_policy_that_keeps_everything_is_no_task() -> None:
    gone = _made(WIKI, *(time - timedelta(days=16) for time in DAYS))
    zeros = {f"KEEP_{each}": "0" for each in ("LAST", "HOURLY", "DAILY", "WEEKLY", "MONTHLY")}

    told = _verdicts(*gone, secret=zeros)["prod/wiki"]

    assert told == ("kept", "all of it, by the KEEP_… of the job's own Secret")


def test_copies_of_unknown_workloads_are_kept() -> None:
    """Another repository may be copied to the same place, and its records stay in it."""
    gone = _made(WIKI, *(time - timedelta(days=16) for time in DAYS))
    job = configured(JOB, {"KEEP_LAST": "1"})

    (ruled,) = ruling.rulings(job, gone, [], NOW, {})

    assert ruled.verdict == Verdict.HELD
    assert "not in the first repository" in ruled.why


def test_the_jobs_secret_does_not_apply_to_an_active_workload() -> None:
    """Its sidecar is of an older version, and its pod may be annotated otherwise."""
    told = _verdicts(*_made(WIKI), secret={"KEEP_DAILY": "3"})["prod/wiki"]

    assert told == ("held", "it has no retention record, but it still backs up")


@pytest.mark.parametrize(("last", "kept"), [("0", "2"), ("1", "2"), ("2", "2"), ("5", "5")])
def test_at_least_two_snapshots_stay(last: str, kept: str) -> None:
    """It may be of a volume that lost its files a moment ago."""
    tags = ("keep-yearly=1",) if last == "0" else (f"keep-last={last}", "keep-yearly=1")
    found = [*_made(WIKI), _record(WIKI, *tags)]

    (ruled,) = ruling.rulings(configured(JOB), found, found, NOW, {})
    step = commands.forget(ruled.config)

    assert step
    assert step.argv[step.argv.index("--keep-last") + 1] == kept
    assert step.argv[step.argv.index("--keep-yearly") + 1] == "1"
    assert step.argv[step.argv.index("--host") + 1] == "wiki"
    assert "ns=prod,kind=Deployment,workload=wiki" in step.argv


def test_workloads_that_filters_cannot_distinguish_are_skipped() -> None:
    """restic's filter by tags takes what has more of them too."""
    other = Owner("prod", "wiki", "Deployment", "wiki", "home")
    found = [*_made(WIKI), *_made(other), _record(WIKI, "keep-last=1"),
             _record(other, "keep-last=2")]  # fmt: skip

    ruled = ruling.rulings(configured(JOB), found, found, NOW, {})

    assert {each.owner: each.verdict for each in ruled} == {
        WIKI: Verdict.HELD, other: Verdict.APPLIED,
    }  # fmt: skip


def test_foreign_snapshots_are_ignored() -> None:
    photos = Snapshot(time=NOW, host="laptop", tags=("photos",))
    untagged = Snapshot(time=NOW, host="wiki")

    assert _verdicts(photos, untagged, secret={"KEEP_LAST": "1"}) == {}


def test_every_part_is_checked_in_turn() -> None:
    for last in (0, 3, 7, 99):
        read, part = [], last
        for _ in range(7):
            part = policy.next_subset(part, 7)
            read.append(part)
        assert sorted(read) == list(range(1, 8))


def test_missing_copies_of_active_workloads_are_reported() -> None:
    wanting = _record(WIKI, "keep-last=2", "copy=yes")
    content = _record(WIKI, "keep-last=2", made=NOW + timedelta(minutes=1))
    gone = _record(WIKI, "keep-last=2", "copy=yes", made=NOW - timedelta(days=16))

    told = policy.uncopied([wanting], NOW)
    assert told
    assert told.status == Status.FAILURE
    assert "prod/wiki request copies" in told.message
    assert policy.uncopied([wanting, content], NOW) is None
    assert policy.uncopied([gone], NOW) is None


FAILED = TaskResult(Status.FAILURE, "damaged", Failure.RESTIC)
DONE = TaskResult(Status.SUCCESS, "done")
LOCKED = TaskResult(Status.SKIPPED, "locked", Failure.LOCKED)
APPEND_ONLY = TaskResult(Status.SKIPPED, "append-only", Failure.AUTH)


@pytest.mark.parametrize(
    ("done", "status", "message"),
    [
        ({}, Status.SUCCESS, "nothing was due"),
        ({"forget": DONE, "check": DONE}, Status.SUCCESS, "forget: done; check: done"),
        ({"forget": LOCKED, "check": FAILED}, Status.FAILURE, "check: damaged"),
        ({"forget": LOCKED, "copy": DONE}, Status.SKIPPED, "forget: locked"),
        ({"forget": APPEND_ONLY, "check": DONE}, Status.WARNING,
         "forget: append-only; check: done"),
        ({"forget": DONE, "prune": TaskResult(Status.INTERRUPTED, "stopped")}, Status.INTERRUPTED,
         "prune: stopped"),
    ],
)  # fmt: skip
def test_the_worst_result_is_reported(
    done: dict[str, TaskResult], status: Status, message: str
) -> None:
    told = policy.outcome(done)

    assert (told.status, told.message) == (status, message)


@pytest.mark.parametrize(
    ("removed", "strangers", "message"),
    [
        ([1], 0, "1 snapshot of 1 workload removed"),
        (
            [2, 0],
            1,
            (
                "2 snapshots of 2 workloads removed; 1 snapshot without a sidecar's tags left "
                "untouched"
            ),
        ),
        (
            [],
            3,
            (
                "0 snapshots of 0 workloads removed; 3 snapshots without a sidecar's tags left "
                "untouched"
            ),
        ),
    ],
)
def test_removed_snapshots_are_counted(removed: list[int], strangers: int, message: str) -> None:
    done = {
        Owner("prod", f"app-{number}", "Deployment", "app"): replace(DONE, removed=each)
        for number, each in enumerate(removed)
    }

    assert policy.summed([], done, strangers).message == message


def test_the_jobs_tasks_are_due_a_day_after_their_time() -> None:
    now, day = NOW.timestamp(), 24 * 3600
    state = remembered(began=now, tasks={"prune": Task(success=now)})

    due = deadlines.of_job(configured(JOB), state)

    assert due.keys() == {"forget", "prune", "check"}
    assert now + day < due["forget"] <= now + 2 * day
    assert now + day < due["prune"] <= now + 8 * day
    state.repository.append_only = True
    assert deadlines.of_job(configured(JOB), state)["prune"] == 0


def test_tasks_of_the_job_are_not_expected_of_a_sidecar() -> None:
    state = remembered(next_due=NOW.timestamp() + 60)
    given = {"BACKUP_MAINTENANCE": "central", "COPY_RESTIC_REPOSITORY": "/copies"}

    due = deadlines.tasks(configured(secret=given), state)

    assert {name for name, when in due.items() if when} == {"verify"}


def _versions(*ended: int) -> list[Snapshot]:
    """Return snapshots of rollouts of `web`, the last of each so many days ago."""
    return [
        each
        for number, day in enumerate(ended, 1)
        for each in _made(
            Owner("prod", f"web-{number}", "ReplicationController", f"web-{number}"),
            NOW - timedelta(days=day), NOW - timedelta(days=day + 5),
        )
    ]  # fmt: skip


WEB = Owner("prod", "web", "DeploymentConfig", "web")


def test_an_earlier_name_is_kept_by_the_policy_of_the_later_one() -> None:
    """Also where the job's own Secret has a policy for those who are gone."""
    listed = [*_made(WEB), *_versions(80, 70), _record(WEB, "keep-last=2")]

    told = _verdicts(*listed, secret={"KEEP_LAST": "1"})

    assert told["prod/web"] == ("applied", "keep-last=2")
    for version in ("prod/web-1", "prod/web-2"):
        assert told[version] == ("kept", "retention of prod/web, its later name, counts it")


def test_what_may_be_another_workload_is_judged_for_itself() -> None:
    """Its backups overlap those of another version, or of the later name."""
    listed = [*_made(WEB), *_versions(80, 78, 10), _record(WEB, "keep-last=2")]

    told = _verdicts(*listed)

    for version in ("prod/web-1", "prod/web-2", "prod/web-3"):
        assert told[version] == ("held", "it has no retention record")


def test_retention_of_the_later_name_removes_the_earlier_ones_by_their_own() -> None:
    own = _made(WEB, *DAYS[::10], NOW - timedelta(days=40))
    listed = [
        replace(each, id=f"{number}") for number, each in enumerate([*own, *_versions(80, 70)])
    ]
    told = [*listed, _record(WEB, "keep-last=3")]
    found = ruling.rulings(configured(JOB), told, told, NOW, {})
    applied = next(each for each in found if each.owner == WEB)

    said, _ = play(policy.forget(applied, listed, 600, NOW), [EMPTY, EMPTY, EMPTY])

    filters = [words[words.index("--host") : words.index("--host") + 4] for words in said]
    tags = "kind=ReplicationController,ns=prod,workload=web"
    assert filters == [
        ("--host", "web-2", "--tag", f"{tags}-2"),
        ("--host", "web-1", "--tag", f"{tags}-1"),
        ("--host", "web", "--tag", "ns=prod,kind=DeploymentConfig,workload=web"),
    ]
    assert [words[words.index("--") + 1 :] for words in said[:2]] == [("6", "7"), ("4", "5")]
