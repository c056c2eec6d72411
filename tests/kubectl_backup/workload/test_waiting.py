"""`kubectl backup` waits for a run in progress, as the runner's commands do; Ctrl-C ends it."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract import names
from kubectl_backup.commands import follow
from kubectl_backup.workload import sidecar
from tests.kubectl_backup.api import Api, Ran
from tests.kubectl_backup.conftest import Backup
from tests.kubectl_backup.pods import NOW, Json, known, last, pod
from tests.kubectl_backup.test_command_line import protect
from tests.runner.events import until

WAITING = {"level": "info", "message": names.WAITING_MESSAGE, "since": "T", "pid": 77}
GOES_ON = {"level": "info", "message": "verify starts"}
COMMANDS = {"accept": "accept", "drill": "verify", "unlock": "unlock", "load": "load"}
OPTIONS: dict[str, list[str]] = {
    "": [],
    "--no-wait": ["--no-wait"],
    "--wait-timeout 90s": ["--wait-timeout", "90s"],
    "--wait-timeout=1h": ["--wait-timeout", "1h"],
}


def lines(*said: Json) -> bytes:
    """Return a log."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in said)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_runner_gets_the_timeout(api: Api, backup: Backup, command: str, options: str) -> None:
    """Both by what a load would do and by the load itself."""
    protect(api, pod(), said=Ran(lines(WAITING), code=75))
    if command == "load":
        api.by_word["backup-runner"] = Ran()

    said = backup(command, "wiki", *options.split(), *(["--yes"] if command == "load" else []))

    runs = [words[1:] for _, words in api.ran if words[0] == "backup-runner"]
    expected = [COMMANDS[command], *OPTIONS[options]]
    assert runs == ([[*expected, "--dry-run"], expected] if command == "load" else [expected])
    assert said.code == (0 if command == "load" else 75)
    assert (names.WAITING_MESSAGE in said.out) is (command != "load")


@pytest.mark.parametrize("text", ["soon", "5x", "-1", "", "1h30m", "1.2.3s"])
@pytest.mark.parametrize("command", [*COMMANDS, "now"])
def test_an_invalid_duration_is_named(
    api: Api, backup: Backup, capfd: pytest.CaptureFixture[str], command: str, text: str
) -> None:
    protect(api, pod())

    with pytest.raises(SystemExit) as ended:
        backup(command, "wiki", f"--wait-timeout={text}")

    assert ended.value.code == 2
    assert f"{text!r} is not a duration: write 90s, 15m or 1h" in capfd.readouterr().err
    assert api.ran == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("begun", [False, True])
def test_ctrl_c_stops_the_waiting_command_in_the_pod_too(
    api: Api, kubeconfig: Path, number: signal.Signals, *, begun: bool
) -> None:
    """Else it would begin once nobody waits for it. What has begun goes on, as it does without."""
    del kubeconfig
    said = lines(WAITING, GOES_ON) if begun else lines(WAITING)
    protect(api, pod(), said=Ran(said, lasts=True))
    api.by_word["sh"] = Ran()
    program = Path(sys.executable).with_name("kubectl-backup")
    with subprocess.Popen(
        (program, "drill", "wiki"), env=dict(os.environ), stdout=subprocess.PIPE, stderr=-1,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        read = [process.stdout.readline() for _ in range(2 if begun else 1)]
        assert names.WAITING_MESSAGE in read[0]
        process.send_signal(number)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    stopped = [words for _, words in api.ran if words[0] == "sh"]
    assert stopped == ([] if begun else [["sh", "-c", sidecar._STOP, "sh", "77"]])


@pytest.mark.parametrize(
    "busy", [{"task": "prune"}, {"running_since": "2026-09-21T13:30:00Z"}], ids=["task", "backup"]
)
def test_now_names_what_it_waits_for(api: Api, backup: Backup, busy: Json) -> None:
    """No longer than it may; what was requested comes all the same."""
    protect(api, pod(), said=Ran(json.dumps(known(**busy)).encode()))
    api.by_word["sh"] = Ran(f"{NOW:.0f}\n".encode())

    said = backup("now", "wiki", "--wait", "--wait-timeout", "0")

    assert said.code == 75
    assert "another run is in progress; the requested backup follows it" in said.out
    assert sum("kill -USR1" in " ".join(words) for _, words in api.ran) == 1


def test_now_waits_while_a_task_of_another_run_is_running(
    api: Api, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Be that longer than a run may take to begin."""
    monkeypatch.setattr(follow, "_BEGINS", 0.5)
    protect(api, pod(), said=Ran(json.dumps(known(task="prune")).encode()))
    api.by_word["sh"] = Ran(f"{NOW:.0f}\n".encode())
    ended = known(last=last(started="2026-09-21T13:33:20Z"))

    def has_looked() -> bool:
        return len([words for _, words in api.ran if words[0] == "cat"]) > 3

    def end() -> None:
        until(has_looked, "it looks again")
        api.commands[pod()["metadata"]["name"]] = Ran(json.dumps(ended).encode())

    with ThreadPoolExecutor(1) as somebody:
        ending = somebody.submit(end)
        said = backup("now", "wiki", "--wait")
        ending.result()

    assert (said.code, said.out.count("success")) == (0, 1)
    assert said.err.count(f"{names.WAITING_MESSAGE} (prune)") == 1


@pytest.mark.parametrize(
    ("busy", "code"),
    [({"task": "verify"}, 75), ({"running_since": "2026-09-21T13:30:00Z"}, 75), ({}, 0)],
)
def test_now_without_waiting_requests_nothing_beside_another_run(
    api: Api, backup: Backup, busy: Json, code: int
) -> None:
    protect(api, pod(), said=Ran(json.dumps(known(**busy)).encode()))
    api.by_word["sh"] = Ran(f"{NOW:.0f}\n".encode())

    said = backup("now", "wiki", "--no-wait")

    assert said.code == code
    asked = [words for _, words in api.ran if "kill -USR1" in " ".join(words)]
    assert bool(asked) is (code == 0)


@pytest.mark.parametrize(("name", "ends"), [("backup-runner", True), ("another", False)])
def test_only_a_command_of_the_runner_is_stopped(tmp_path: Path, name: str, *, ends: bool) -> None:
    """The number may be another process' by then."""
    program = tmp_path / name
    program.write_text("#!/bin/sh\necho up\nread line\n")
    program.chmod(0o755)
    with subprocess.Popen((program,), stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        subprocess.run(("sh", "-c", sidecar._STOP, "sh", str(process.pid)), check=ends)
        if not ends:
            assert process.poll() is None
            process.kill()

    assert process.returncode == (-signal.SIGTERM if ends else -signal.SIGKILL)
