"""How commands end before their time: by the wish to stop, or because they retry for ever."""

import os
import signal
import threading
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import pytest

from runner.config.model import Config
from runner.config.timeouts import Timing
from runner.process import cgroup, watchdog
from runner.process.log import Log
from runner.process.signals import Stop
from runner.session import executor
from runner.session.executor import Executor
from runner.steps.outcome import Failure
from runner.steps.questions import Wait
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, Step
from tests.runner.config.workload import configured
from tests.runner.events import until


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The workload, with a state folder of its own; looks are quick."""
    monkeypatch.setattr(executor, "_LOOK", 0.02)
    return configured({"BACKUP_STATE_DIR": str(tmp_path)})


def run(config: Config, script: str, stop: Stop | None = None) -> Completed:
    """Run shell text through the executor."""
    return Executor(config, Log(), stop or Stop()).execute(Step("test", ("sh", "-c", script)))


def run_until(config: Config, script: str, happened: Callable[[], bool]) -> Completed:
    """Run shell text, and ask to stop as soon as it has happened."""
    stop = Stop()

    def ask() -> None:
        until(happened, "the command began")
        stop.asked = True

    thread = threading.Thread(target=ask)
    thread.start()
    done = run(config, script, stop)
    thread.join()
    return done


def test_a_stop_ends_a_command(config: Config, tmp_path: Path) -> None:
    """With SIGTERM, so that restic removes its lock."""
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    script = f"trap 'touch {ended}; exit 1' TERM; touch {begun}; while :; do sleep 0.01; done"

    done = run_until(config, script, begun.exists)

    assert (done.code, done.stopped) == (1, "signal")
    assert ended.exists()


def test_a_stop_reaches_the_children_of_a_hook(config: Config, tmp_path: Path) -> None:
    """They are of the same session."""
    begun, pid = tmp_path / "begun", tmp_path / "pid"
    script = f"sh -c 'echo $$ > {pid}; touch {begun}; exec sleep 60'; exit 0"

    run_until(config, script, begun.exists)

    until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists(), "the child ended")


def test_a_command_that_ignores_sigterm_is_killed(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the grace that it has."""
    monkeypatch.setattr(executor, "_GRACE", 0.1)
    begun = tmp_path / "begun"

    done = run_until(config, f"trap '' TERM; touch {begun}; sleep 60 & wait", begun.exists)

    assert (done.code, done.stopped) == (-signal.SIGKILL, "signal")


def test_a_command_that_closed_its_streams_is_stopped_too(config: Config, tmp_path: Path) -> None:
    """`PRE_HOOK: exec >/tmp/log 2>&1; ...` must not hold up the pod's end."""
    begun = tmp_path / "begun"
    script = f"exec >/dev/null 2>&1; touch {begun}; exec sleep 60"

    done = run_until(config, script, begun.exists)

    assert (done.code, done.stopped) == (-signal.SIGTERM, "signal")


def test_a_command_that_closed_its_streams_is_waited_for(config: Config) -> None:
    """Its code counts."""
    assert run(config, "exec >/dev/null 2>&1; sleep 0.1; exit 7").code == 7


def test_after_a_stop_no_command_starts(config: Config, tmp_path: Path) -> None:
    """Not even to say goodbye."""
    stop = Stop()
    stop.asked = True

    done = run(config, f"touch {tmp_path}/started", stop)

    assert done == Completed(130, stopped="signal")
    assert not (tmp_path / "started").exists()


def test_a_command_that_keeps_retrying_is_stopped(config: Config) -> None:
    """By its own words, not by silence."""
    config = replace(config, timing=Timing(open_timeout=1))
    line = "Stat(<config/>) returned error, retrying after 2.5s: dial tcp: connection refused"

    done = run(config, f"echo '{line}' >&2; exec sleep 60")

    assert (done.code, done.stopped, done.failure) == (-15, "retrying", Failure.NETWORK)
    assert done.said == "still no answer: connection refused"


def test_a_command_has_a_timeout(config: Config) -> None:
    step = Step("pre", ("sh", "-c", "sleep 60"), hook=True, limit=0.2)

    done = Executor(config, Log(), Stop()).execute(step)

    assert (done.code, done.stopped) == (-15, "time")
    assert done.said == "it took too long and was stopped"


def test_a_step_marked_always_runs_after_a_stop(config: Config) -> None:
    """A frozen database is thawed, although the pod stops."""
    stop = Stop()
    stop.asked = True
    step = Step("post", ("sh", "-c", "sleep 0.6; echo thawed"), hook=True, limit=60, always=True)

    done = Executor(config, Log(), stop).execute(step)

    assert (done.code, done.text.strip(), done.stopped) == (0, "thawed", "")


def test_a_step_marked_always_does_not_delay_the_pods_termination(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "_LAST", 0.2)
    stop = Stop()
    stop.asked = True
    step = Step("post", ("sh", "-c", "sleep 60"), hook=True, limit=60, always=True)

    assert Executor(config, Log(), stop).execute(step).stopped == "time"


def test_a_command_is_stopped_before_memory_runs_out(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel would kill the whole container, and with it the app's readiness."""
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.stat").write_text("anon 800\nfile 100\nsock 150\n")
    monkeypatch.setattr(cgroup.memory_is_short, "__defaults__", (tmp_path,))

    done = Executor(config, Log(), Stop()).execute(Step("backup", ("sh", "-c", "sleep 60")))

    assert (done.stopped, done.failure) == ("memory", Failure.MEMORY)
    assert done.said.endswith("raise backup.memory-limit")


def test_a_stop_ends_a_wait(config: Config) -> None:
    """Before its time."""
    stop = Stop()
    stop.asked = True

    def conversation() -> Generator[Effect, Result, bool]:
        told: bool = yield Wait(3600, "an hour")
        return told

    assert Executor(config, Log(), stop).follow(conversation()) is True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_and_sigint_request_a_stop(number: signal.Signals) -> None:
    """And SIGHUP, by which restic probes for live processes, is none."""
    every = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(each) for each in every]
    stop = Stop()
    try:
        stop.install()
        os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.asked
        os.kill(os.getpid(), number)
        assert stop.asked
    finally:
        for each, handler in zip(every, before, strict=True):
            signal.signal(each, handler)
