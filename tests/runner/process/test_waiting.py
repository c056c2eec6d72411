"""Commands that people start wait for a run in progress: bounded, told, ended by a signal."""

import fcntl
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO, Any

import pytest

from contract import names
from runner.process import lock
from tests.runner.cli.test_tick import levels
from tests.runner.events import until
from tests.runner.stand_ins.fake_restic import Runner

COMMANDS = {
    "run": ("run",),
    "verify": ("verify",),
    "check": ("check",),
    "prune": ("prune",),
    "restore": ("restore",),
    "load": ("load", "postgres", "--dry-run"),
    "accept": ("accept",),
    "unlock": ("unlock",),
    "maintain": ("maintain",),
}
FOLDERS = ("", "maintenance")  # the maintenance job's lock is another
BUSY = "another run is in progress; nothing was done"
HOLDER = (
    "import sys; from contextlib import ExitStack; from pathlib import Path\n"
    "from runner.state.store import Store\n"
    "with ExitStack() as stack:\n"
    "    held = [stack.enter_context(Store(Path(each)).lock()) for each in sys.argv[1:]]\n"
    "    print(all(held), flush=True)\n"
    "    sys.stdin.read()\n"
)
RunEnded = tuple[int, list[dict[str, Any]]]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner whose restic answers at once."""
    made = Runner(tmp_path)
    made.annotate(schedule="0 0 29 2 *")
    made.answer("list")
    return made


@contextmanager
def locked(runner: Runner) -> Iterator["subprocess.Popen[str]"]:
    """Let another process hold the locks until its input ends, or it is killed."""
    folders = [str(runner.state / each) for each in FOLDERS]
    with subprocess.Popen(
        (sys.executable, "-c", HOLDER, *folders),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout
        try:
            assert holder.stdout.readline() == "True\n"
            yield holder
        finally:
            holder.kill()


class Begun:
    """Commands that run at the same time, their output in files that can be read meanwhile."""

    def __init__(self, runner: Runner, *options: str, **commands: tuple[str, ...]) -> None:
        self._folder = runner.bin.parent / "said"
        self._folder.mkdir()
        self.processes = {}
        for name, words in (commands or COMMANDS).items():
            with (self._folder / name).open("wb") as output:
                self.processes[name] = runner.begin(*words, *options, stdout=output.fileno())

    def said(self, name: str) -> str:
        """Return all that a command wrote so far."""
        return (self._folder / name).read_text()

    def await_message(self) -> None:
        """Wait until each says that it waits."""
        for name in self.processes:
            until(partial(self._waits, name), f"{name} waits")

    def _waits(self, name: str) -> bool:
        return names.WAITING_MESSAGE in self.said(name)

    def codes(self) -> dict[str, int]:
        """Wait for their ends; return their exit statuses."""
        found = {}
        for name, process in self.processes.items():
            _, errors = process.communicate(timeout=240)
            (self._folder / name).write_text(self.said(name) + errors)
            found[name] = process.returncode
        return found


def test_nothing_is_waited_for_where_nothing_is_in_progress(runner: Runner) -> None:
    """Whatever each then comes to."""
    begun = Begun(runner, "--wait-timeout", "2m")

    codes = begun.codes()

    # They may have to wait for one another, and each had its turn.
    assert [name for name in COMMANDS if BUSY in begun.said(name)] == []
    assert {codes[name] for name in ("run", "accept")} == {0}
    assert '"backup success' in begun.said("run")


def test_json_output_stays_valid_while_waiting(runner: Runner) -> None:
    """The message goes where the log goes: to standard error."""
    with locked(runner) as holder:
        process = runner.begin("restore", "--json", "--wait-timeout", "60s")
        assert process.stderr
        assert names.WAITING_MESSAGE in process.stderr.readline()
        holder.kill()
        out, _ = process.communicate(timeout=60)

    assert json.loads(out)["status"] == "failure"  # nothing is in the repository


@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_each_command_waits_for_a_run_in_progress_and_then_does_its_work(
    runner: Runner, how: str
) -> None:
    """The wait is told, and since when the other is at it; a holder that dies frees the lock."""
    began = int(time.time())
    with locked(runner) as holder:
        begun = Begun(runner)
        begun.await_message()
        assert runner.asked == []
        assert not any(process.poll() for process in begun.processes.values())
        if how == "ends":
            assert holder.stdin
            holder.stdin.close()
        else:
            holder.kill()
        codes = begun.codes()

    assert [name for name in COMMANDS if BUSY in begun.said(name)] == []
    assert {codes[name] for name in ("run", "accept")} == {0}
    assert '"backup success' in begun.said("run")
    since = begun.said("run").partition('"since": "')[2].partition('"')[0]
    assert began <= datetime.fromisoformat(since).timestamp() <= time.time()
    assert f'"pid": {begun.processes["run"].pid}' in begun.said("run")


@pytest.mark.parametrize(
    ("options", "told"),
    [(("--no-wait",), False), (("--wait-timeout", "1s"), True)],
    ids=["no wait", "a second"],
)
def test_each_command_gives_up_after_its_time(
    runner: Runner, options: tuple[str, ...], *, told: bool
) -> None:
    """With the exit status of old, having done nothing."""
    with locked(runner):
        begun = Begun(runner, *options)

        assert begun.codes() == dict.fromkeys(COMMANDS, 75)

    for name in COMMANDS:
        assert begun.said(name).count(BUSY) == 1, name
        assert (names.WAITING_MESSAGE in begun.said(name)) is told, name
    assert runner.asked == []
    assert not (runner.state / "state.json").exists()


def test_the_environment_sets_the_default_timeout(runner: Runner) -> None:
    runner.environment["BACKUP_WAIT_SECONDS"] = "0"
    with locked(runner):
        code, log = runner.call("run")
        runner.environment["BACKUP_WAIT_SECONDS"] = "soon"
        other, told = runner.call("run", "--wait-timeout", "0.5s")

    assert (code, levels(log, "warning")) == (75, [BUSY])
    assert (other, levels(told, "warning")[-1]) == (75, BUSY)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait_at_once_and_nothing_is_done(
    runner: Runner, number: signal.Signals
) -> None:
    """Exit status as of shells; and no command begins once the lock is free."""
    with locked(runner):
        begun = Begun(runner)
        begun.await_message()
        for process in begun.processes.values():
            process.send_signal(number)

        assert begun.codes() == dict.fromkeys(COMMANDS, 128 + number)

    for name in COMMANDS:
        assert "nothing was done" in begun.said(name)
        assert BUSY not in begun.said(name)
    assert runner.asked == []
    assert not (runner.state / "state.json").exists()


def test_the_supervisors_ticks_do_not_wait(runner: Runner) -> None:
    """They look again, and the pod's end is not held up either."""
    with locked(runner):
        for words in (("tick",), ("tick", "--start"), ("tick", "--exit")):
            code, log = runner.call(*words)
            assert code == 0
            assert names.WAITING_MESSAGE not in [line["message"] for line in log]

    assert runner.asked == []


@pytest.mark.parametrize("requests", [1, 3])
def test_a_backup_that_is_requested_during_another_command_follows_it_once(
    runner: Runner, requests: int
) -> None:
    """SIGUSR1 has no memory of its own."""
    runner.call("run")  # or the first tick would find one due
    with locked(runner):
        for _ in range(requests):
            runner.call("tick", "--now")
    assert runner.asked.count("backup") == 1

    for _ in range(3):
        runner.call("tick")

    assert runner.asked.count("backup") == 2


@pytest.mark.parametrize("command", ["restore", "load"])
def test_status_names_the_command_in_progress(runner: Runner, command: str) -> None:
    """And no longer once it ended, however that was."""
    runner.environment["BACKUP_DUMP"] = '[["postgres"]]'
    runner.hold()
    process = runner.begin(*COMMANDS[command][:1])
    until(lambda: bool(runner.asked), "it asks the repository")
    assert runner.published["task"] == command

    runner.let_go_on()
    runner.end(process)
    assert runner.published["task"] is None


def test_a_lock_file_that_is_removed_while_it_is_opened_is_not_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two would be at work: one with the old file's lock, one with the new one's."""
    path, opened = tmp_path / "lock", count()

    def flock(file: IO[str], operation: int) -> None:
        if next(opened) == 0:
            path.unlink()
        fcntl_flock(file, operation)

    fcntl_flock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", flock)

    with lock.held(path) as first, lock.held(path) as second:
        assert (first, second) == (True, False)


def test_one_command_runs_at_a_time(tmp_path: Path) -> None:
    """Many that wait for each other: none is left out, and no two are at work."""
    code = (
        "import sys, time; from pathlib import Path; from runner.state.store import Store\n"
        "from runner.process.log import Log; from runner.process.signals import Stop; "
        "from runner.process import waiting\n"
        "folder = Path(sys.argv[1])\n"
        "with Store(folder).lock(waiting.for_turn(Log(), Stop(), 120)) as mine:\n"
        "    assert mine\n"
        "    (folder / 'inside').mkdir()\n"
        "    time.sleep(0.05)\n"
        "    (folder / 'inside').rmdir()\n"
    )
    with ExitStack() as stack:
        begun = [
            stack.enter_context(
                subprocess.Popen((sys.executable, "-c", code, str(tmp_path)), stdout=-3)
            )
            for _ in range(6)
        ]
        assert [process.wait(120) for process in begun] == [0] * 6
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
