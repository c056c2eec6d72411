"""The real supervisor with a `backup-runner` of ours: when it ticks, and how it ends."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.events import until
from tests.runner.supervise.supervisor import Supervisor

PAST = 1_000_000_000
QUICK, SLOW = "0.05", "60"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor that is not started yet; it sleeps long between looks."""
    made = Supervisor(tmp_path)
    yield made
    made.kill()


def test_the_first_tick_is_marked_as_the_start(supervisor: Supervisor) -> None:
    """And nothing but it follows before its time."""
    supervisor.start(SLOW)
    supervisor.await_sleep()

    assert supervisor.calls == ["tick --start"]
    assert supervisor.process.pid != 1
    # Where processes are shared, whoever asks for a backup finds it by this.
    assert int((supervisor.state / "supervisor").read_text()) == supervisor.process.pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_while_waiting_ends_at_once(supervisor: Supervisor, number: signal.Signals) -> None:
    """With 0, without another tick, and without a sleep that stays."""
    supervisor.start(SLOW)
    supervisor.await_sleep()

    supervisor.process.send_signal(number)

    assert supervisor.process.wait(30) == 0
    assert supervisor.calls == ["tick --start"]
    supervisor.await_nothing_left()


def test_sigterm_between_two_sleeps_ends_at_once(supervisor: Supervisor) -> None:
    """It does not sleep once more: that may be all of the pod's grace period."""
    supervisor.start(SLOW)
    supervisor.await_sleep()
    clock = supervisor.state / "clock"
    clock.unlink()
    os.mkfifo(clock)  # what looks at the time waits here for a reader
    supervisor.process.send_signal(signal.SIGUSR1)
    supervisor.await_line("end", 2)
    until(lambda: list(supervisor.family().values()) == ["sh"], "it looks at the time")

    supervisor.process.terminate()
    reader = os.open(clock, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert supervisor.process.wait(30) == 0
    finally:
        os.close(reader)
    supervisor.await_nothing_left()


def test_sigterm_during_a_tick_is_forwarded_and_waited_for(supervisor: Supervisor) -> None:
    """The tick stops restic; only then the container ends."""
    supervisor.block_ticks()
    supervisor.start(SLOW)
    supervisor.await_calls("tick --start")

    supervisor.process.terminate()
    supervisor.await_line("SIGTERM")
    assert supervisor.process.poll() is None

    supervisor.release_tick()
    assert supervisor.process.wait(30) == 0
    assert supervisor.lines[-1] == "end"
    assert supervisor.calls == ["tick --start"]
    supervisor.await_nothing_left()


def test_a_second_sigterm_is_forwarded_too(supervisor: Supervisor) -> None:
    """And does not end the wait for the tick."""
    supervisor.block_ticks()
    supervisor.start(SLOW)
    supervisor.await_calls("tick --start")

    for count in (1, 2):
        supervisor.process.terminate()
        supervisor.await_line("SIGTERM", count)
    assert supervisor.process.poll() is None

    supervisor.release_tick()
    assert supervisor.process.wait(30) == 0


def test_sigterm_during_a_failing_tick_is_still_0(supervisor: Supervisor) -> None:
    """An app's Job must not fail because of us."""
    supervisor.answer(status=1)
    supervisor.block_ticks()
    supervisor.start(SLOW)
    supervisor.await_calls("tick --start")

    supervisor.process.terminate()
    supervisor.await_line("SIGTERM")
    supervisor.release_tick()

    assert supervisor.process.wait(30) == 0


def test_sigusr1_ticks_now(supervisor: Supervisor) -> None:
    """Each time once."""
    supervisor.start(SLOW)
    for count in (1, 2):
        supervisor.await_sleep()
        supervisor.process.send_signal(signal.SIGUSR1)
        supervisor.await_calls("tick --start", *["tick --now"] * count)

    supervisor.await_sleep()
    assert supervisor.calls == ["tick --start", "tick --now", "tick --now"]


def test_sigusr1_during_a_tick_is_remembered(supervisor: Supervisor) -> None:
    """The tick is not disturbed, and the wish comes after it, once."""
    supervisor.block_ticks()
    supervisor.start(SLOW)
    supervisor.await_calls("tick --start")

    supervisor.process.send_signal(signal.SIGUSR1)
    supervisor.process.send_signal(signal.SIGUSR1)
    supervisor.release_tick()

    supervisor.await_calls("tick --start", "tick --now")
    supervisor.await_sleep()
    assert supervisor.lines == ["tick --start", "end", "tick --now", "end"]


@pytest.mark.parametrize("folder", ["pod", "secret"])
def test_a_changed_volume_ticks_without_arguments(supervisor: Supervisor, folder: str) -> None:
    """The kubelet swaps a link in it; it is no wish to back up."""
    supervisor.start(QUICK)
    supervisor.await_calls("tick --start")

    supervisor.swap(folder)

    supervisor.await_calls("tick --start", "tick")
    supervisor.await_looks(5)
    assert supervisor.calls == ["tick --start", "tick"]


def test_a_change_during_a_tick_is_detected_after_it(supervisor: Supervisor) -> None:
    """The tick had read the old one."""
    supervisor.block_ticks()
    supervisor.start(QUICK)
    supervisor.await_calls("tick --start")

    supervisor.swap("secret")
    supervisor.release_tick()

    supervisor.await_calls("tick --start", "tick")


def test_the_announced_time_ticks_without_arguments(supervisor: Supervisor) -> None:
    """And as long as it is in the future, nothing does."""
    supervisor.start(QUICK)
    supervisor.await_looks(5)
    assert supervisor.calls == ["tick --start"]

    os.utime(supervisor.state / "next", (PAST, PAST))

    supervisor.await_calls("tick --start", "tick")


def test_a_clock_that_was_set_back_does_not_stop_ticks(supervisor: Supervisor) -> None:
    """What was announced for the next minutes would lie months ahead."""
    supervisor.start(QUICK)
    supervisor.await_calls("tick --start")
    supervisor.await_sleep()

    ahead = time.time() + 90 * 24 * 3600
    for name in ("clock", "seen", "next"):
        os.utime(supervisor.state / name, (ahead, ahead))

    supervisor.await_calls("tick --start", "tick")


def test_sighup_is_ignored(supervisor: Supervisor) -> None:
    """restic probes by it which processes are alive."""
    supervisor.start(SLOW)
    supervisor.await_sleep()
    supervisor.process.send_signal(signal.SIGHUP)
    supervisor.process.send_signal(signal.SIGUSR1)

    supervisor.await_calls("tick --start", "tick --now")
    supervisor.await_sleep()
    assert supervisor.process.poll() is None


def test_sighup_is_ignored_by_what_it_starts(supervisor: Supervisor) -> None:
    """A tick that has not begun to think about signals, too."""
    supervisor.block_ticks()
    supervisor.start(SLOW)
    supervisor.await_calls("tick --start")

    (tick,) = supervisor.family("backup-runner")
    os.kill(tick, signal.SIGHUP)
    supervisor.release_tick()

    supervisor.await_line("end")
