"""What goes wrong around the supervisor, and that it goes on."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.supervise.supervisor import Supervisor

QUICK, SLOW = "0.05", "60"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor that is not started yet; it sleeps long between looks."""
    made = Supervisor(tmp_path)
    yield made
    made.kill()


@pytest.mark.parametrize("status", [1, 2, 137])
def test_a_failing_tick_is_retried(supervisor: Supervisor, status: int) -> None:
    """After some pauses, not at once, and without end."""
    supervisor.answer(status=status)
    began = time.monotonic()
    supervisor.start(QUICK)

    supervisor.await_calls("tick --start", "tick", "tick")

    assert time.monotonic() - began > 2 * 9 * float(QUICK)
    assert supervisor.process.poll() is None


def test_a_killed_tick_leaves_no_message_of_the_shell(supervisor: Supervisor) -> None:
    """The container's log is read as JSON, line by line."""
    supervisor.block_ticks()
    supervisor.start(QUICK)
    supervisor.await_calls("tick --start")

    supervisor.kill_tick()
    supervisor.await_calls("tick --start", "tick")

    assert supervisor.errors.read_text() == ""


def test_a_tick_that_works_again_is_not_repeated(supervisor: Supervisor) -> None:
    """Its announcement counts."""
    supervisor.answer(status=1)
    supervisor.start(QUICK)
    supervisor.await_calls("tick --start", "tick")

    supervisor.answer(status=0)
    begun = len(supervisor.calls)
    supervisor.await_looks(25)

    assert len(supervisor.calls) - begun in {0, 1}, "the last one may have failed still"


def test_without_a_runner_it_stays_alive(supervisor: Supervisor) -> None:
    """A sidecar that ends would make the app's pod not Ready."""
    (supervisor.bin / "backup-runner").unlink()
    supervisor.start(QUICK)
    supervisor.await_looks(12)

    assert supervisor.process.poll() is None


def test_an_unwritable_state_folder_does_not_end_it(supervisor: Supervisor) -> None:
    """It looks again, blindly, after some pauses; it still ends when it is told to."""
    supervisor.state.parent.mkdir(parents=True, exist_ok=True)
    supervisor.state.write_text("a file where the folder should be")
    supervisor.start(QUICK)

    supervisor.await_calls("tick --start", "tick")

    supervisor.process.terminate()
    assert supervisor.process.wait(30) == 0


def test_a_vanished_state_folder_does_not_end_it(supervisor: Supervisor) -> None:
    """Nor one that comes back."""
    supervisor.start(QUICK)
    supervisor.await_looks(2)
    supervisor.state.rename(supervisor.state.with_name("gone"))

    supervisor.await_calls("tick --start", "tick")
    assert supervisor.process.poll() is None


def test_no_child_is_left_while_it_waits(supervisor: Supervisor) -> None:
    """One sleep, no zombie, however often it was woken."""
    supervisor.start(SLOW)
    for count in range(1, 5):
        supervisor.await_sleep()
        supervisor.process.send_signal(signal.SIGUSR1)
        supervisor.await_calls("tick --start", *["tick --now"] * count)
    supervisor.await_sleep()

    assert sorted(supervisor.family().values()) == ["sh", "sleep"]
