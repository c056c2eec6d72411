"""What becomes of a task is remembered: what it says of the repository, and when it comes again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.maintenance import tasks
from runner.process.log import Log
from runner.process.signals import Stop
from runner.session.session import Session
from runner.state import model
from runner.state.store import Store
from runner.steps.outcome import Failure, Status
from runner.steps.task import TaskResult
from tests.runner.config.workload import configured
from tests.runner.stand_ins.fake_restic import Runner

REFUSED = TaskResult(Status.SKIPPED, "it must not be deleted", Failure.AUTH)
DAMAGED = TaskResult(Status.FAILURE, "pack 4f8a1c2e: does not exist", Failure.REPOSITORY)
GOOD = TaskResult(Status.SUCCESS, "done")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session of a workload of which nothing is known yet."""
    config = configured({"BACKUP_STATE_DIR": str(tmp_path)})
    return Session(config, model.new(1.0, ""), Store(tmp_path), Log(), Stop())


def ends(result: TaskResult) -> Callable[[], TaskResult]:
    """Return a task that ends so."""
    return lambda: result


@pytest.mark.parametrize(
    ("name", "append_only"),
    [("forget", True), ("prune", True), ("copy_forget", False), ("copy_prune", False)],
)
def test_an_append_only_second_repository_stops_no_retention_in_the_first(
    session: Session, name: str, append_only: bool
) -> None:
    tasks.begin(session, name, ends(REFUSED))

    assert session.state.repository.append_only is append_only


@pytest.mark.parametrize(("name", "damaged"), [("prune", True), ("copy_prune", False)])
def test_damage_of_the_second_repository_is_not_that_of_the_first(
    session: Session, name: str, damaged: bool
) -> None:
    tasks.begin(session, name, ends(DAMAGED))

    assert (session.state.repository.damage is not None) is damaged


@pytest.mark.parametrize(
    "result", [REFUSED, DAMAGED, TaskResult(Status.INTERRUPTED, "stopped before completion")]
)
def test_only_a_success_counts_as_one(session: Session, result: TaskResult) -> None:
    tasks.begin(session, "prune", ends(result))
    assert session.state.repository.of_task("prune").success == 0

    tasks.begin(session, "prune", ends(GOOD))
    assert session.state.repository.of_task("prune").success > 0


@pytest.mark.parametrize(
    ("result", "again"),
    [
        (TaskResult(Status.INTERRUPTED, "stopped before completion"), True),
        (TaskResult(Status.SKIPPED, "it is locked", Failure.LOCKED), True),
        (DAMAGED, False),
        (GOOD, False),
    ],
)
def test_an_interrupted_or_locked_task_is_retried_and_counted(
    session: Session, result: TaskResult, again: bool
) -> None:
    for _ in range(2):
        tasks.begin(session, "check", ends(result))

    known = session.state.repository.of_task("check")
    assert (known.again, known.tries) == (again, 2 if again else 0)


def test_no_task_starts_once_the_pod_stops(session: Session) -> None:
    session.stop.asked = True
    session.state.repository.tasks.clear()

    tasks.do_all(session)

    assert not any(each.attempted for each in session.state.repository.tasks.values())


def test_failed_copies_suspend_retention_of_copies(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.annotate(schedule="0 0 29 2 *", forget="* * * * *")
    (runner.secret / "COPY_RESTIC_REPOSITORY").write_text("/second")
    runner.answer("copy", err="Fatal: no such host\n", code=1)

    runner.call("tick", "--now")

    known = runner.known["tasks"]
    assert known["copy"]["status"] == "failure"
    assert known.get("copy_forget", {"attempted": 0})["attempted"] == 0
