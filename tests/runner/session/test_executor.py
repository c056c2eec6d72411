"""The one executor of commands, with real small ones behind it."""

import json
import os
import selectors
import signal
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.config.model import Config
from runner.process import cgroup
from runner.process.log import Log
from runner.process.signals import Stop
from runner.session import executor
from runner.session.executor import Executor
from runner.steps.outcome import Failure
from runner.steps.questions import Wait
from runner.steps.result import Completed
from runner.steps.step import Effect, Result, Step
from tests.runner.config.workload import SECRET, configured


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The workload, with a state folder of its own; looks are quick."""
    monkeypatch.setattr(executor, "_LOOK", 0.02)
    return configured({"BACKUP_STATE_DIR": str(tmp_path)})


def run(config: Config, script: str, stop: Stop | None = None) -> Completed:
    """Run shell text through the executor."""
    return Executor(config, Log(), stop or Stop()).execute(Step("test", ("sh", "-c", script)))


def test_both_streams_and_the_code_are_captured(config: Config) -> None:
    """Each for itself, line by line."""
    done = run(config, "echo '[]'; echo two; echo Fatal: no >&2; exit 12")

    assert done == Completed(12, text="[]\ntwo\n", tail=("Fatal: no",))


def test_messages_are_parsed_as_they_come(config: Config, tmp_path: Path) -> None:
    """Also when a line arrives in pieces, or the last one has no newline."""
    (tmp_path / "line").write_text(f'{{"message_type":"summary","snapshot_id":"{"4" * 64}"}}')

    done = run(config, f"head -c 20 {tmp_path}/line; tail -c +21 {tmp_path}/line")

    assert done.message("summary") == {"message_type": "summary", "snapshot_id": "4" * 64}


def test_much_output_on_both_streams_does_not_block(config: Config) -> None:
    """Far more than a pipe holds."""
    done = run(config, "seq 200000 >&2 & seq 200000; wait")

    assert done.text.splitlines()[-1] == "200000"
    assert done.tail[-1] == "200000"


def test_output_written_right_before_the_exit_is_read(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come, and the command end, after a look that found nothing."""

    class Late(selectors.DefaultSelector):
        looked = False

        def select(self, timeout: float | None = None) -> Any:  # noqa: ANN401 -- as the base has it
            if not self.looked:
                self.looked = True
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)  # it has ended, and is not reaped
                return []
            return super().select(timeout)

    monkeypatch.setattr(selectors, "DefaultSelector", Late)

    assert run(config, "seq 2000; echo Fatal: no >&2").text.endswith("2000\n")


def test_invalid_utf_8_is_read_as_text(config: Config) -> None:
    """File names need not be UTF-8."""
    assert run(config, r"printf 'b\374ro\n' >&2").tail == ("b\N{REPLACEMENT CHARACTER}ro",)


def test_a_command_has_no_standard_input(config: Config) -> None:
    """restic would ask for a password."""
    assert run(config, "cat; echo end").text.strip() == "end"


def test_a_missing_command_is_exit_127(config: Config) -> None:
    """With words that say what is wrong."""
    done = Executor(config, Log(), Stop()).execute(Step("test", ("no-such-command", "x")))

    assert done == Completed(
        127, tail=("no-such-command cannot be started: No such file or directory",)
    )
    assert done.failure == Failure.RESTIC


def test_a_killed_command_has_the_number_of_its_signal(config: Config) -> None:
    """-9 is how the kernel ends what uses too much memory."""
    done = run(config, "kill -9 $$")

    assert (done.code, done.stopped, done.failure) == (-9, "", Failure.MEMORY)


def test_a_background_child_that_holds_the_pipe_is_not_waited_for(
    config: Config, tmp_path: Path
) -> None:
    """A hook may start something that stays."""
    done = run(config, f"sleep 60 & echo $! > {tmp_path}/child; echo begun; exit 3")

    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    assert (done.code, done.text.strip(), done.stopped) == (3, "begun", "")


def test_a_background_child_that_keeps_writing_is_not_waited_for(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook may start a daemon that logs; backups must not end with it."""
    monkeypatch.setattr(executor, "_LOOK", 0.5)  # the child is never silent for so long
    ended = tmp_path / "ended"
    chatter = f"i=0; while [ $i -lt 500 ]; do echo x; sleep 0.01; i=$((i+1)); done; touch {ended}"
    done = run(config, f"({chatter}) & echo $! > {tmp_path}/child; exit 3")

    assert not ended.exists()
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    assert (done.code, done.stopped) == (3, "")


def test_the_last_output_is_kept_where_a_child_holds_the_pipe(
    config: Config, tmp_path: Path
) -> None:
    """Also without a newline at their end."""
    script = f"sleep 60 & echo $! > {tmp_path}/child; printf 'Fatal: half a line' >&2; exit 1"
    done = run(config, script)

    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    assert done.tail == ("Fatal: half a line",)


def test_the_environment_is_built_from_scratch(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing strays in: an old repository variable beside a new file is an error."""
    monkeypatch.setenv("RESTIC_REPOSITORY_FILE", "/old")
    monkeypatch.setenv("STRAY", "x")

    done = Executor(config, Log(), Stop()).execute(Step("env", ("env",)))

    found = dict(line.split("=", 1) for line in done.text.strip().splitlines())
    assert found == {
        **SECRET,
        **cgroup.go_runtime(),
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path / "tmp"),
        "RESTIC_CACHE_DIR": f"{tmp_path}/cache",
        "RESTIC_PROGRESS_FPS": "0.2",
        "BACKUP_HOST": "wiki",
        "BACKUP_NAMESPACE": "prod",
    }


def test_a_command_that_needs_no_secret_gets_none(config: Config) -> None:
    """NTFY_TITLE's shell is one."""
    step = Step("env", ("env",))

    done = Executor(config, Log(), Stop()).execute(step, with_secret=False)

    assert not [key for key in SECRET if key in done.text]
    assert "BACKUP_HOST=wiki" in done.text


def test_the_secret_may_move_the_cache(config: Config, tmp_path: Path) -> None:
    """As it always could."""
    moved = str(tmp_path / "moved" / "cache")
    environment = {**config.repository.environment, "RESTIC_CACHE_DIR": moved}
    config = replace(config, repository=replace(config.repository, environment=environment))

    done = Executor(config, Log(), Stop()).execute(Step("env", ("env",)))

    assert f"RESTIC_CACHE_DIR={moved}\n" in done.text


def test_a_cache_that_cannot_be_moved_stays_in_place(config: Config, tmp_path: Path) -> None:
    """The original's folder is not there, and the image is read-only."""
    (tmp_path / "file").touch()
    moved = str(tmp_path / "file" / "cache")
    environment = {**config.repository.environment, "RESTIC_CACHE_DIR": moved}
    config = replace(config, repository=replace(config.repository, environment=environment))

    done = Executor(config, Log(), Stop()).execute(Step("env", ("env",)))

    assert f"RESTIC_CACHE_DIR={tmp_path}/cache\n" in done.text


def test_a_hooks_output_is_kept_up_to_a_bound(config: Config) -> None:
    """It may be endless; what it says of an error is told."""
    argv = ("sh", "-c", "echo one; yes | head -n 9000; head -c 300000 /dev/zero >&2; echo end >&2")

    done = Executor(config, Log(), Stop()).execute(Step("pre", argv, hook=True))

    assert done.text.startswith("one\n")
    assert len(done.text) < 100
    assert done.tail[-1].endswith("end")
    assert len(done.tail[-1]) <= 2 << 16


def test_debug_logs_each_command_and_its_exit_code(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(config, commands=replace(config.commands, debug=True))
    Executor(config, Log(), Stop()).execute(Step("probe", ("sh", "-c", "exit 3")))

    begun, ended = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (begun["level"], begun["argv"]) == ("debug", ["sh", "-c", "exit 3"])
    assert (ended["message"], ended["exit_code"]) == ("probe ended", 3)


def test_each_step_of_a_run_gets_its_result(config: Config) -> None:
    """A Completed for a step, whether to stop for a wait, and the run's own end."""

    def conversation() -> Generator[Effect, Result, tuple[int, bool, str]]:
        first = yield Step("one", ("sh", "-c", "exit 5"))
        waited = yield Wait(0.01, "a moment")
        second = yield Step("two", ("sh", "-c", "echo two"))
        return first.code, waited, second.text.strip()

    assert Executor(config, Log(), Stop()).follow(conversation()) == (5, False, "two")
