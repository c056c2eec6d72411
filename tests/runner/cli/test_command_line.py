"""`backup-runner` from outside: its exit status, its log, its files."""

import json
import os
import pty
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.runner.cli.test_tick import levels
from tests.runner.events import until
from tests.runner.stand_ins.fake_restic import Runner

_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\S+Z (debug|info|warning|error) ", re.MULTILINE)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner whose workload was never backed up; it is due only when it is asked."""
    made = Runner(tmp_path)
    made.annotate(schedule="0 0 29 2 *", forget="@daily")
    return made


def test_a_second_run_is_locked_out(runner: Runner) -> None:
    """`run --no-wait` says 75, a tick looks again in a minute; neither disturbs the first. The
    backup that the tick was to make follows."""
    runner.hold()
    first = runner.begin("tick", "--now")
    until(lambda: bool(runner.asked), "the first run began")

    code, log = runner.call("run", "--no-wait")
    assert code == 75
    assert levels(log, "warning") == ["another run is in progress; nothing was done"]
    assert runner.call("tick", "--now")[0] == 0
    assert runner.announced == pytest.approx(time.time() + 60, abs=20)

    runner.let_go_on()
    assert runner.end(first)[0] == 0
    assert runner.asked.count("backup") == 1
    for _ in range(2):
        runner.call("tick")
    assert runner.asked.count("backup") == 2


@pytest.mark.parametrize(
    ("out", "err", "restics", "code", "status"),
    [
        ('{"message_type":"summary","files_new":1,"snapshot_id":"4f"}', "", 0, 0, "success"),
        ('{"message_type":"summary","files_new":9,"snapshot_id":"4f"}',
         '{"message_type":"error","item":"/backup/pages/x"}\n', 3, 0, "warning"),
        ("", "Fatal: wrong password\n", 12, 1, "failure"),
        ("", "Fatal: already locked\n", 11, 75, "skipped"),
    ],
)  # fmt: skip
def test_the_exit_status_of_run_is_its_result(
    runner: Runner, out: str, err: str, restics: int, code: int, status: str
) -> None:
    """For scripts and `kubectl exec`."""
    runner.answer("backup", out=out, err=err, code=restics)

    assert runner.call("run")[0] == code
    assert runner.known["last"]["status"] == status


def test_a_new_repository_is_created_and_announced(runner: Runner) -> None:
    """In the log, as a warning: its password is needed for ever."""
    runner.answer("backup", err="Fatal: repository does not exist\n", code=10)
    runner.answer("cat", code=10)
    runner.answer("key", out='[{"current": true}]')

    runner.call("run")

    assert runner.asked == ["snapshots", "backup", "cat", "init", "key", "backup"]


def test_a_state_folder_that_cannot_be_created_is_one_line(runner: Runner) -> None:
    """And no traceback."""
    runner.state.write_text("a file where the folder should be")

    code, log = runner.call("tick")

    assert code == 1
    assert len(levels(log, "error")) == 1
    assert str(runner.state) in levels(log, "error")[0]


def test_the_log_can_be_text(runner: Runner) -> None:
    """For those who collect it so."""
    runner.environment["BACKUP_LOG_FORMAT"] = "text"

    out, _ = runner.begin("run").communicate(timeout=120)

    assert " info backup success: 10 files" in out
    assert "{" not in out.partition("status=")[0]


@pytest.mark.parametrize(
    "words",
    [
        ("run",), ("check",), ("unlock",), ("maintain",), ("load", "mysql"),
        ("restore", "--to", "out"), ("restore", "--to", "out", "--json"),
    ],
)  # fmt: skip
def test_the_log_is_text_at_a_terminal(runner: Runner, words: tuple[str, ...]) -> None:
    """Whatever the command; for programs it is JSON."""
    ours, theirs = pty.openpty()
    process = runner.begin(*words, stdout=theirs)
    os.close(theirs)
    shown = _all_of(ours)
    _, errors = process.communicate(timeout=120)
    piped = runner.begin(*words)
    out, err = piped.communicate(timeout=120)

    told = [line for line in (shown + errors).splitlines() if not line.startswith("{")]
    assert told
    assert [line for line in told if not _LINE.match(line)] == []
    assert '"level"' not in shown + errors
    assert '"level"' in out + err
    assert not _LINE.search(out + err)


def _all_of(terminal: int) -> str:
    """Return what is written to it until nobody has its other end open."""
    text = b""
    with open(terminal, "rb", buffering=0) as file:
        try:
            while part := file.read(4096):
                text += part
        except OSError:  # how Linux says that
            pass
    return text.decode()


def test_the_status_is_published_on_each_change(runner: Runner) -> None:
    """Also while a run is under way; it is what `status --json` says then."""
    runner.hold()
    first = runner.begin("tick", "--now")
    until(lambda: bool(runner.asked), "the first run began")
    status = runner.published
    assert (status["last"], status["running_since"][-1]) == (None, "Z")
    runner.let_go_on()
    runner.end(first)

    out, _ = runner.begin("status", "--json").communicate(timeout=120)

    assert runner.published == json.loads(out)
    assert runner.published["last"]["status"] == "success"


def test_the_log_shows_the_status_once_per_change(runner: Runner) -> None:
    """Whoever asks many pods reads it there; what is the same is not told again."""

    def shown(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [line["known"] for line in log if line["message"] == "status"]

    (first,) = shown(runner.call("tick", "--start")[1])
    assert (first["host"], first["last"]) == ("wiki", None)
    assert shown(runner.call("tick")[1]) == []

    (second,) = shown(runner.call("tick", "--now")[1])
    assert second == runner.published
    assert second["last"]["status"] == "success"
    assert shown(runner.call("tick", "--start")[1]) == [second]  # another container's log


@pytest.mark.parametrize("command", ["run", "accept", "check"])
def test_the_next_tick_publishes_manual_commands_at_once(runner: Runner, command: str) -> None:
    """Its own output is not in the container's log."""
    runner.call("tick", "--now")
    runner.answer("backup", out='{"message_type":"summary","files_new":7,"snapshot_id":"5a"}')

    _, log = runner.call(command)

    assert "status" not in [line["message"] for line in log]
    assert runner.announced == pytest.approx(time.time(), abs=20)
    _, log = runner.call("tick")
    shown = [line["known"] for line in log if line["message"] == "status"]
    assert shown == ([runner.published] if command != "accept" else [])
    assert runner.announced > time.time() + 60


@pytest.mark.parametrize(
    ("locks", "age", "code", "told", "unlocked"),
    [
        ("", 0, 0, "there are no locks", 0),
        ("aa11\nbb22\n", 31, 0, "2 old locks removed", 1),
        ("aa11\nbb22\n", 29, 75, "a lock is younger than 30 minutes", 0),
    ],
)
def test_unlock_keeps_locks_that_may_be_live(
    runner: Runner, locks: str, age: int, code: int, told: str, unlocked: int
) -> None:
    """Plain unlock takes a live lock of an equal host name elsewhere for stale."""
    made = datetime.now(UTC) - timedelta(minutes=age)
    runner.answer("list", out=locks)
    runner.answer("cat", out=json.dumps({"time": made.isoformat()}))

    status, log = runner.call("unlock")

    assert (status, runner.asked.count("unlock")) == (code, unlocked)
    assert told in log[-1]["message"]


def test_unlock_without_a_repository_names_the_missing_key(runner: Runner) -> None:
    """And asks nobody."""
    (runner.secret / "RESTIC_REPOSITORY").unlink()

    status, log = runner.call("unlock")

    assert (status, runner.asked) == (1, [])
    assert "RESTIC_REPOSITORY is not set" in log[-1]["message"]


def test_written_files_are_private_to_their_user(runner: Runner) -> None:
    """State names files; the cache holds their names, too."""
    runner.call("tick", "--now")

    assert (runner.state / "state.json").stat().st_mode & 0o077 == 0
    assert (runner.state / "tmp").stat().st_mode & 0o077 == 0
