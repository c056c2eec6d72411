"""The commands of `backup-runner`, whole, with a restic that answers as it is told."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.runner.events import until
from tests.runner.stand_ins.fake_restic import Runner
from tests.runner.steps.conversation import SUMMARY


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner whose workload was never backed up; it is due only when it is asked."""
    made = Runner(tmp_path)
    made.annotate(schedule="0 0 29 2 *", forget="@daily")
    return made


def levels(log: list[dict[str, object]], level: str) -> list[str]:
    """Return the messages of one level."""
    return [str(line["message"]) for line in log if line["level"] == level]


def test_the_first_tick_logs_the_start_and_announces_the_next(runner: Runner) -> None:
    """Its slot is due at its own time within the spread: only the repository is asked, once."""
    runner.annotate(schedule="* * * * *")
    runner.environment["BACKUP_CATCH_UP_SECONDS"] = "9000"
    before = time.time()

    code, log = runner.call("tick", "--start")

    assert code == 0
    assert [line["message"] for line in log] == ["started", "status"]
    assert log[0]["host"] == "wiki"
    assert runner.asked == ["snapshots"]
    assert before < runner.announced <= time.time() + 6 * 3600
    assert runner.known["last"] is None


def test_a_tick_with_nothing_due_logs_nothing(runner: Runner) -> None:
    """There are thousands of them."""
    runner.call("tick", "--now")
    asked = runner.asked

    assert runner.call("tick") == (0, [])
    assert runner.asked == asked


def test_a_tick_backs_up_and_forgets(runner: Runner) -> None:
    """Retention follows its first good backup of the day."""
    runner.answer("snapshots", out='[{"id": "a1", "time": "2026-01-01T00:00:00Z"}]')
    code, log = runner.call("tick", "--now")

    assert code == 0
    assert runner.asked == ["snapshots", "backup", "snapshots", "forget"]
    assert runner.known["last"]["status"] == "success"
    assert runner.known["last_success"] > 0
    assert runner.known["full"] == [str(runner.volumes / "pages")]
    assert runner.known["tasks"]["forget"]["status"] == "success"
    assert runner.known["running_since"] == 0
    assert levels(log, "error") == levels(log, "warning") == []
    runner.call("tick", "--now")
    assert runner.asked == ["snapshots", "backup", "snapshots", "forget", "backup"]


def test_the_version_of_restic_is_read_once_per_container(runner: Runner) -> None:
    """By the first run that begins; a look with nothing to do asks nothing."""
    runner.call("tick", "--start")
    assert runner.asked_for_version == 0

    runner.call("tick", "--now")
    runner.call("tick", "--now")
    assert runner.asked_for_version == 1
    assert runner.known["restic"] == "0.19.1"

    runner.answer("version", out="restic 0.20.0 compiled with go1.25 on linux/amd64\n")
    runner.call("tick", "--start")
    runner.call("tick", "--now")
    assert runner.asked_for_version == 2
    assert runner.known["restic"] == "0.20.0"


@pytest.mark.parametrize("said", ["", "Fatal: no", "restic", "0.19.1"])
def test_a_restic_without_a_version_is_no_error(runner: Runner, said: str) -> None:
    """The backup counts."""
    runner.answer("version", out=said, code=1)

    runner.call("tick", "--now")

    assert runner.known["restic"] == ""
    assert runner.known["last"]["status"] == "success"


def test_a_replacement_pod_recovers_its_state_from_the_repository(runner: Runner) -> None:
    """Its last backup is minutes old: nothing is due."""
    made = datetime.now(UTC)
    slot = made + timedelta(minutes=30)  # the next is not now, at whatever time the tests run
    runner.annotate(schedule=f"{slot.minute} * * * *")
    runner.environment["BACKUP_CATCH_UP_SECONDS"] = "0"
    runner.answer("snapshots", out=json.dumps([{"time": made.isoformat()}]))

    runner.call("tick", "--start")

    assert runner.asked == ["snapshots"]
    assert runner.known["last_success"] == pytest.approx(made.timestamp(), abs=1)


def test_a_new_pod_does_not_recreate_an_existing_repository(runner: Runner) -> None:
    """What it learned counts as a success before."""
    runner.annotate(schedule="* * * * *")
    runner.environment["BACKUP_CATCH_UP_SECONDS"] = "0"
    old = datetime.now(UTC) - timedelta(days=9)
    runner.answer("snapshots", out=json.dumps([{"time": old.isoformat()}]))
    runner.answer("backup", err="Fatal: repository does not exist\n", code=10)

    runner.call("tick", "--start")

    assert runner.asked == ["snapshots", "backup"]
    assert runner.known["last"]["failure"] == "config"


def test_a_failure_is_saved_and_retried(runner: Runner) -> None:
    """In 5 minutes; retention waits."""
    runner.answer("backup", err="Fatal: dial tcp: connection refused\n", code=1)

    code, log = runner.call("tick", "--now")

    assert code == 0, "the supervisor goes by what is announced"
    assert runner.asked == ["snapshots", "backup"]
    assert (runner.known["last"]["failure"], runner.known["failures"]) == ("network", 1)
    assert runner.announced == pytest.approx(runner.known["last"]["ended"] + 300, abs=1)
    assert levels(log, "error") == [
        "backup failure: the backup failed: dial tcp: connection refused"
    ]


def test_a_changed_secret_ends_the_wait_after_a_configuration_failure(runner: Runner) -> None:
    """Nobody waits to see whether the new password is right."""
    runner.answer("backup", err="Fatal: wrong password or no key found\n", code=12)
    runner.call("tick", "--now")
    runner.answer("backup", out=json.dumps(SUMMARY))
    assert runner.call("tick") == (0, [])

    now = time.time() + 1
    os.utime(runner.secret, (now, now))
    runner.call("tick")

    assert runner.known["last"]["status"] == "success"
    assert runner.known["failures"] == 0


def test_a_run_that_was_killed_is_reported_at_the_next_start(runner: Runner) -> None:
    """Once, as memory; a tick that is no start does not judge a run that may still go on."""
    runner.call("tick", "--now")
    runner.change(running_since=time.time() - 60)

    assert levels(runner.call("tick")[1], "error") == []
    runner.change(running_since=time.time() - 60)
    code, log = runner.call("tick", "--start")

    assert code == 0
    assert (runner.known["last"]["status"], runner.known["last"]["failure"]) == (
        "failure", "memory",
    )  # fmt: skip
    assert runner.known["running_since"] == 0
    assert len(levels(log, "error")) == 1
    assert levels(runner.call("tick", "--start")[1], "error") == []


def test_a_paused_workload_is_not_backed_up(runner: Runner) -> None:
    """Not even when it is asked by signal."""
    runner.annotate(paused="true")

    assert runner.call("tick", "--now")[0] == 0
    assert runner.asked == []
    assert runner.known["next_due"] == 0


def test_run_now_runs_once_for_each_new_value(runner: Runner) -> None:
    """A value that is there already when the pod starts is none."""
    runner.annotate(schedule="off", run_now="1")
    runner.call("tick", "--start")
    assert "backup" not in runner.asked

    for value, runs in (("2", 1), ("2", 1), ("3", 2)):
        runner.annotate(schedule="off", forget="off", run_now=value)
        runner.call("tick")
        assert runner.asked.count("backup") == runs


def test_problems_are_named_at_the_start(runner: Runner) -> None:
    """Once, and not at each look."""
    runner.annotate(schedule="soon")

    _, log = runner.call("tick", "--start")

    assert len(levels(log, "warning")) == 1
    assert "backup.schedule 'soon'" in levels(log, "warning")[0]
    assert levels(runner.call("tick")[1], "warning") == []


def test_an_invalid_state_is_replaced_by_a_new_one(runner: Runner) -> None:
    """It is derived from the repository."""
    runner.call("tick", "--now")
    (runner.state / "state.json").write_text('{"run_now": "", "attem')

    assert runner.call("tick")[0] == 0
    assert runner.asked[3:] == ["snapshots", "backup", "snapshots"]
    assert runner.known["last"]["status"] == "success"


def test_a_run_is_noted_before_the_repository_is_opened(runner: Runner) -> None:
    """Whoever looks at a repository that takes its time sees what is going on."""
    runner.hold()
    process = runner.begin("tick", "--now")
    until(lambda: runner.asked == ["snapshots"], "the repository is asked")

    assert runner.known["running_since"] > 0

    process.terminate()
    runner.end(process)
    assert runner.asked == ["snapshots"]
    assert (runner.known["last"]["status"], runner.known["derived"]) == ("interrupted", False)


def test_an_unresponsive_repository_is_waited_for_once(runner: Runner) -> None:
    """It is asked again by the next run, which learns what it held."""
    line = "List(snapshot) returned error, retrying after 720h0m0s: dial tcp: connection refused\n"
    runner.answer("snapshots", err=line)
    runner.hold()

    code, _ = runner.call("run")

    assert (code, runner.asked) == (1, ["snapshots"])
    assert (runner.known["last"]["status"], runner.known["last"]["failure"]) == (
        "failure", "network",
    )  # fmt: skip
    assert not runner.known["derived"]


def test_sigterm_during_a_backup_is_an_interrupted_run(runner: Runner) -> None:
    """Told apart from a failure by every reader of state."""
    runner.call("tick", "--now")
    before = len(runner.asked)
    runner.hold()
    process = runner.begin("tick", "--now")
    until(lambda: runner.asked[before:] == ["backup"], "the run began")

    process.terminate()
    code, _ = runner.end(process)

    assert code == 0
    assert (runner.known["last"]["status"], runner.known["last"]["failure"]) == (
        "interrupted", None,
    )  # fmt: skip
    assert runner.known["running_since"] == 0
    assert runner.asked[before:] == ["backup"]


def test_an_unresponsive_repository_is_not_taken_for_an_empty_one(runner: Runner) -> None:
    """What a new pod has to know it asks again; a run that needs it fails."""
    runner.answer("snapshots")

    _, log = runner.call("tick", "--now")

    assert any("restic listed nothing" in line["message"] for line in log)
    assert not runner.known["derived"]
    assert "forget" not in runner.asked
