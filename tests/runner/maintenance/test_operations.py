"""Prune and check: one of those that share a repository does them, in the time there is."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from contract.annotations.schedule import stable_hash
from contract.snapshots import read
from runner.config.model import Config
from runner.maintenance.operations import Task, check, copy, forget, prune
from runner.restic import maintainer
from runner.steps.outcome import Failure, Status
from runner.steps.result import Completed
from runner.steps.task import TaskResult
from tests.runner.config.workload import NOW, configured
from tests.runner.steps.conversation import (
    EMPTY,
    INIT,
    KEYS,
    LOCKED,
    LOOK,
    MISSING,
    ONE_KEY,
    STOPPED,
    TWO_KEYS,
    WAIT,
    failed,
    play,
)

LIST = ("restic", "snapshots", "--json", "--no-lock")
PRUNE = ("restic", "prune", "-q", "--retry-lock", "300s")
CHECK = ("restic", "check", "--json", "--retry-lock", "300s")
CONFIG = configured()


def snapshot(host: str, *, days: float = 0, namespace: str = "prod") -> dict[str, object]:
    """Return a snapshot of a Deployment's, so many days old."""
    return {
        "time": (NOW - timedelta(days=days)).isoformat(),
        "hostname": host,
        "tags": [f"ns={namespace}", "kind=Deployment", f"workload={host}"],
    }


def listed(*snapshots: object) -> Completed:
    """Return the answer to a list of snapshots."""
    return Completed(0, text=json.dumps(snapshots))


@pytest.mark.parametrize(("task", "command"), [(prune, PRUNE), (check, CHECK)])
def test_a_single_workload_is_the_maintainer(
    task: Callable[[Config, datetime, float], Task], command: tuple[str, ...]
) -> None:
    said, done = play(task(CONFIG, NOW, 600), [listed(snapshot("wiki")), EMPTY])

    assert said == [LIST, command]
    assert done == TaskResult(Status.SUCCESS, "done")


HOSTS = [f"app-{number}" for number in range(20)]


def chosen(snapshots: list[dict[str, object]], host: str) -> bool:
    """Tell whether this host maintains the repository with these snapshots."""
    config = configured({"BACKUP_HOST": host, "BACKUP_WORKLOAD": host})
    return not maintainer.elected(config, map(read, snapshots), NOW)


def test_exactly_one_of_many_is_elected() -> None:
    snapshots = [snapshot(host) for host in HOSTS]

    assert sum(chosen(snapshots, host) for host in HOSTS) == 1


def test_when_the_maintainer_disappears_one_other_takes_over() -> None:
    snapshots = [snapshot(host) for host in HOSTS]
    first = next(host for host in HOSTS if chosen(snapshots, host))
    left = [host for host in HOSTS if host != first]
    gone = [snapshot(host, days=4 if host == first else 0) for host in HOSTS]

    assert [chosen(snapshots, host) for host in left] == [False] * len(left)
    assert sum(chosen(gone, host) for host in left) == 1


def test_namespaces_with_workloads_of_one_name_elect_one() -> None:
    both = [snapshot("web", namespace="a"), snapshot("web", namespace="b")]

    found = [
        not maintainer.elected(
            configured({"BACKUP_HOST": "web", "BACKUP_WORKLOAD": "web", "BACKUP_NAMESPACE": name}),
            map(read, both),
            NOW,
        )
        for name in "ab"
    ]

    assert sorted(found) == [False, True]


@pytest.mark.parametrize(
    "other",
    [
        {"time": NOW.isoformat(), "hostname": "laptop", "tags": None},
        {"time": NOW.isoformat(), "hostname": "laptop"},
        {"time": NOW.isoformat(), "hostname": "laptop", "tags": ["ns=x"]},
        {"time": "yesterday", "hostname": "a", "tags": ["ns=a", "kind=b", "workload=c"]},
        {},
    ],
)
def test_foreign_snapshots_elect_nobody(other: dict[str, object]) -> None:
    """A laptop's restic would never prune."""
    assert maintainer.elected(CONFIG, [read(other)], NOW) == ""


def test_a_workload_that_is_not_elected_names_the_maintainer() -> None:
    def number(host: str) -> int:
        return stable_hash(f"maintainer/{host}/kind=Deployment/ns=prod/workload={host}")

    other = next(host for host in HOSTS if number(host) < number("wiki"))

    said, done = play(prune(CONFIG, NOW, 600), [listed(snapshot(other))])

    assert said == [LIST]
    assert done == TaskResult(
        Status.SKIPPED, f"prod/{other} does it for all workloads in the repository"
    )


@pytest.mark.parametrize(
    ("answer", "status", "failure"),
    [
        (STOPPED, Status.INTERRUPTED, None),
        (Completed(1, stopped="time"), Status.INTERRUPTED, None),
        (LOCKED, Status.SKIPPED, Failure.LOCKED),
        (failed(1, "Fatal: repository contains errors"), Status.FAILURE, Failure.REPOSITORY),
        (failed(77), Status.FAILURE, Failure.RESTIC),
        (failed(12, "Fatal: wrong password"), Status.FAILURE, Failure.AUTH),
        (Completed(1, stopped="memory"), Status.FAILURE, Failure.MEMORY),
    ],
)
@pytest.mark.parametrize("step", [0, 1])
def test_a_task_has_the_result_of_its_command(
    answer: Completed, status: Status, failure: Failure | None, step: int
) -> None:
    answers = [listed(), EMPTY]
    answers[step:] = [answer]

    _, done = play(check(CONFIG, NOW, 600), answers)

    assert (done.status, done.failure) == (status, failure)


@pytest.mark.parametrize(
    "line",
    [
        "Remove(<snapshot/79d5335>) failed: unexpected HTTP response (403): 403 Forbidden",
        "Remove(<snapshot/79d5335>) failed: blob not removed, server response: 403 Forbidden",
        "Remove(<index/79d5335>) failed: client.RemoveObject: Access Denied.",
    ],
)
@pytest.mark.parametrize("code", [0, 1, 3])
def test_an_append_only_repository_is_left_to_its_owner(line: str, code: int) -> None:
    """Whatever the version of restic calls it."""
    _, done = play(forget(CONFIG), [Completed(code, tail=(line,))])

    assert (done.status, done.failure) == (Status.SKIPPED, Failure.AUTH)
    assert "append-only" in done.message


COPY = (
    "restic", "copy", "-q", "--retry-lock", "120s",
    "--host", "wiki", "--tag", "ns=prod,kind=Deployment,workload=wiki",
)  # fmt: skip
INIT_LIKE_THE_FIRST = (*INIT, "--copy-chunker-params")


def test_copy_selects_this_workloads_snapshots() -> None:
    said, done = play(copy(CONFIG, 600, had_success=True), [EMPTY, EMPTY])

    assert said == [LOOK, COPY]
    assert done.status == Status.SUCCESS


def test_a_missing_second_repository_is_created_once_like_the_first() -> None:
    answers: list[Completed | bool] = [MISSING, False, MISSING, EMPTY, False, ONE_KEY, EMPTY]

    said, done = play(copy(CONFIG, 600, had_success=False), answers)

    assert said == [LOOK, WAIT, LOOK, INIT_LIKE_THE_FIRST, WAIT, KEYS, COPY]
    assert done.status == Status.SUCCESS


def test_a_vanished_second_repository_is_not_created_again() -> None:
    said, done = play(copy(CONFIG, 600, had_success=True), [MISSING])

    assert said == [LOOK]
    assert (done.status, done.failure) == (Status.FAILURE, Failure.CONFIG)
    assert done.message.startswith("the second repository: ")


def test_nothing_is_copied_into_a_second_repository_with_two_keys() -> None:
    """Where it has snapshots already, nothing in it is removed."""
    held = Completed(0, text="4f8a1c2e9b")
    answers: list[Completed | bool | list[str]] = [
        MISSING, False, MISSING, EMPTY, False, TWO_KEYS, False, TWO_KEYS, EMPTY, TWO_KEYS, held,
    ]  # fmt: skip

    said, done = play(copy(CONFIG, 600, had_success=False), answers)

    assert not any("remove" in words for words in said)
    assert done.status == Status.FAILURE
    assert "it has snapshots" in done.message


@pytest.mark.parametrize("answer", [failed(12, "Fatal: wrong password"), failed(1), LOCKED])
def test_a_second_repository_that_cannot_be_opened_creates_nothing(answer: Completed) -> None:
    said, done = play(copy(CONFIG, 600, had_success=False), [answer])

    assert said == [LOOK]
    assert done.status != Status.SUCCESS
