"""Whatever the keys of a Secret are called: the container starts, and starts what it should."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from contract import names
from contract.annotations.settings import Problem
from demo import app
from runner.config import timeouts
from tests.blocks import PROJECT
from tests.cluster.work import until
from tests.contract.secret.hostile import HOSTILE
from tests.integration.sidecars import PASSWORD, Sidecar

SCRIPT = PROJECT / "runner" / "supervise.sh"
# Leaves what it was started with, and nothing to do for an hour.
RUNNER = """#!/bin/sh
env -0 >"$BACKUP_STATE_DIR/seen"
touch -d '+1 hour' "$BACKUP_STATE_DIR/next"
"""
# What a shell sets by itself.
_SHELLS = {"PWD", "OLDPWD", "_", "SHLVL"}


class Started:
    """A supervisor beside a runner of ours, where the image has both in one folder."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        shutil.copy(SCRIPT, self.bin / "backup-supervise")
        (self.bin / "backup-runner").write_text(RUNNER)
        for path in self.bin.iterdir():
            path.chmod(0o755)

    @contextmanager
    def running(self, environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
        """Start it with exactly these variables, as a runtime does; stop it as a kubelet does."""
        with subprocess.Popen(
            [self.bin / "backup-supervise"], env=environment, cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.terminate()

    def seen(self, environment: Mapping[str, str]) -> tuple[dict[str, str], bytes, int]:
        """Return the variables of the first tick, what was written to the log, and its end."""
        file = Path(environment["BACKUP_STATE_DIR"]) / "seen"
        file.unlink(missing_ok=True)
        with self.running(environment) as process:
            until(lambda: bool(_sleeps(process)) or process.poll() is not None, "a pause", 60)
            ended = process.poll()
        said = process.stdout.read() if process.stdout and not process.stdout.closed else b""
        if ended is not None or not file.exists():
            return {}, said, ended or -1
        entries = (entry.partition("=") for entry in file.read_text("utf-8").split("\0") if entry)
        return {key: text for key, _, text in entries}, said, process.returncode


def _sleeps(process: "subprocess.Popen[bytes]") -> list[str]:
    """Return the arguments of each `sleep` that it has started and waits for."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    try:
        ids = children.read_text().split()
        commands = [Path(f"/proc/{each}/cmdline").read_text() for each in ids]
    except OSError:
        return []
    return [words.split("\0")[1] for words in commands if words.startswith("sleep\0")]


def _plain(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those that carry the Secret's keys."""
    return {
        key: text
        for key, text in variables.items()
        if key not in _SHELLS
        and (key == names.ENV_SECRET_DIR or not key.startswith(names.SECRET_PREFIX))
    }


def _environment(sidecar: Sidecar, secret: Mapping[str, str]) -> dict[str, str]:
    """Return the container's variables as a kubelet makes them of the Secret and the patch."""
    sidecar._secrets = {"backup-env-configuration": secret}
    return sidecar.environment()


def test_no_key_of_the_secret_changes_how_the_container_starts(tmp_path: Path) -> None:
    """Each by itself, then all at once: the runner gets what it gets without them."""
    sidecar = Sidecar(tmp_path)
    started = Started(tmp_path)
    usual, _, status = started.seen(_environment(sidecar, sidecar.secret))
    assert status == 0
    assert usual["PATH"] == f"{started.bin}:/usr/bin:/bin:{names.PATH}"
    assert usual["BACKUP_SECRET_RESTIC_PASSWORD"] == sidecar.secret["RESTIC_PASSWORD"]

    failed: dict[str, object] = {}
    # As a process, each takes hundredths of a second; those that no shell lets through, too.
    for given in [*({key: text} for key, text in HOSTILE.items()), HOSTILE]:
        seen, said, status = started.seen(_environment(sidecar, {**sidecar.secret, **given}))
        if (_plain(seen), said, status) != (_plain(usual), b"", 0):
            changed = _plain(seen).items() ^ _plain(usual).items()
            failed[" ".join(given)] = (status, said, changed)

    assert failed == {}


def test_loader_variables_of_the_image_do_not_reach_the_runner(tmp_path: Path) -> None:
    """Should anybody set them beside the Secret."""
    sidecar, started = Sidecar(tmp_path), Started(tmp_path)
    inherited = {
        "LD_BIND_NOW": "1", "LD_LIBRARY_PATH": "/evil", "PYTHONPATH": "/evil\nLD_X='y'", "IFS": "/",
        "PYTHONHOME": "/evil", "ENV": "/evil", "BASH_ENV": "/evil", "MALLOC_ARENA_MAX": "1",
        "CDPATH": "/", "PYTHONUNBUFFERED": "1", "HARMLESS": "export LD_Y='\n$(boom)`boom`'",
    }  # fmt: skip
    environment = {**_environment(sidecar, sidecar.secret), **inherited, "PATH": "/nowhere"}

    seen, said, status = started.seen(environment)

    assert (said, status) == (b"", 0)
    assert seen["PATH"] == f"{started.bin}:/usr/bin:/bin:/nowhere"
    left = seen.keys() & inherited.keys()
    assert left == {"PYTHONUNBUFFERED", "HARMLESS"}
    assert seen["HARMLESS"] == inherited["HARMLESS"]


BAD = (
    "x", "-1", "0", "1e9", "5; rm -rf /", "", " ", " 5", "5 ", "0.0", "0.00", "00", "05", "1d",
    "inf", "infinity", "nan", "1000", "9999999999", "5\n", "+5", "0x5", "0.001", "0.04", ".5", "5.",
    "1.5", "1,5", "$(touch /evil)", "`id`", "--help", "*", "\uff15",
)  # fmt: skip
GOOD = ("1", "5", "30", "999", "0.05", "0.2", "0.99")


def test_poll_seconds_has_the_same_valid_values_in_supervisor_and_runner(tmp_path: Path) -> None:
    """Never a busy loop, and never one so long that changes are not seen; one line names it."""
    sidecar, started = Sidecar(tmp_path), Started(tmp_path)
    usual = _environment(sidecar, {})
    found = {}
    for text in (*BAD, *GOOD):
        environment = {**usual, "BACKUP_POLL_SECONDS": text}
        slept: list[str] = []

        def pauses(process: "subprocess.Popen[bytes]", slept: list[str] = slept) -> bool:
            slept += _sleeps(process)
            return bool(slept)

        with started.running(environment) as process:
            until(partial(pauses, process), "a pause", 60)
            assert process.poll() is None
        problems: list[Problem] = []
        timeouts.read(environment, {}, problems)
        found[text] = (slept[0], len(problems))

    assert found == dict.fromkeys(BAD, ("30", 1)) | {text: (text, 0) for text in GOOD}


def test_a_state_folder_with_a_dash_is_no_option(tmp_path: Path) -> None:
    """What an earlier container left in it gives way."""
    sidecar, started = Sidecar(tmp_path), Started(tmp_path)
    environment = {**_environment(sidecar, {}), "BACKUP_STATE_DIR": "-rf"}
    (tmp_path / "-rf").mkdir()
    (tmp_path / "-rf" / "supervisor").symlink_to(tmp_path / "elsewhere")
    (started.bin / "backup-runner").write_text("#!/bin/sh\n")
    with subprocess.Popen(
        [started.bin / "backup-supervise"], env=environment, cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    ) as process:  # fmt: skip
        until(lambda: bool(_sleeps(process)), "a pause", 60)
        assert (tmp_path / "-rf" / "supervisor").read_text() == f"{process.pid}\n"
        process.terminate()
        assert process.stdout is not None
        assert process.stdout.read() == b""
    assert not (tmp_path / "elsewhere").exists()


# Each puts its environment beside it; what restic starts sees what restic has.
_SPY = "env -0 >{folder}/{name}.$$; "
_SPIES = ("restic", "hook", "dump")
_OURS = {
    "PATH", "HOME", "TMPDIR", "RESTIC_CACHE_DIR", "RESTIC_PROGRESS_FPS", "BACKUP_HOST",
    "BACKUP_NAMESPACE", "GOMEMLIMIT", "GOGC", "GOMAXPROCS", "LC_CTYPE",
}  # fmt: skip
_PASSED = {"RESTIC_REPOSITORY", "RESTIC_PASSWORD_COMMAND", "AWS_SESSION_TOKEN", "APP_TOKEN"}
_LOGINS = {"PGPASSWORD", "PGAPPNAME", "MYSQL_PWD", "BACKUP_ENV_PASS"}


def _seen(file: Path) -> dict[str, str]:
    entries = (entry.partition("=") for entry in file.read_text("utf-8").split("\0") if entry)
    return {key: text for key, _, text in entries if key not in _SHELLS}


@pytest.mark.parametrize("source", ["files", "prefixed variables"])
def test_restic_hooks_and_dumps_get_what_they_know_and_nothing_hostile(
    tmp_path: Path, source: str
) -> None:
    """As a child of each sees it; the run is a success, and one line names each other key."""
    spy = partial(_SPY.format, folder=tmp_path)
    command = tmp_path / "password"
    command.write_text(f"#!/bin/sh\n{spy(name='restic')}echo {PASSWORD}\n")
    command.chmod(0o755)
    asked = {"backup.dump": f"{spy(name='dump')}echo dumped", "backup.schedule": "off"}
    sidecar = Sidecar(tmp_path, annotations=asked)
    app.write_files(sidecar.volume)
    secret = {
        **HOSTILE, **{f"COPY_{key}": text for key, text in HOSTILE.items()},
        "RESTIC_REPOSITORY": str(sidecar.repository), "RESTIC_PASSWORD_COMMAND": str(command),
        "PRE_HOOK": spy(name="hook"), "AWS_SESSION_TOKEN": "t", "APP_TOKEN": "word",
        "BACKUP_ENV_PASS": "APP_TOKEN, LD_PRELOAD PATH BACKUP_STATE_DIR", "PGPASSWORD": "p",
        "PGAPPNAME": "a", "MYSQL_PWD": "m",
    }  # fmt: skip
    if source == "files":
        sidecar.secret = secret
        sidecar.change_secret()
    else:
        sidecar.write_secrets({})
    sidecar._secrets = {"backup-env-configuration": secret}

    done = sidecar.run("backup-runner", "run")

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    each = {name: [_seen(file) for file in tmp_path.glob(f"{name}.*")] for name in _SPIES}
    given = {name: [seen.keys() - _OURS for seen in found] for name, found in each.items()}
    assert given["hook"] == given["dump"] == [_PASSED | _LOGINS]
    # Of restic's calls, the dump's alone, before and after the repository is made: a client is
    # below it. All others know nothing of databases.
    logged_in = [seen for seen in given["restic"] if seen & _LOGINS]
    assert logged_in == [_PASSED | _LOGINS] * 2
    others = [seen for seen in given["restic"] if not seen & _LOGINS]
    assert len(others) > 2
    assert others == [_PASSED] * len(others)
    for seen in (seen for found in each.values() for seen in found):
        assert seen["PATH"] == os.environ["PATH"]
        assert seen["APP_TOKEN"] == "word"
        assert "evil" not in str({key: seen[key] for key in seen if key != "PATH"})
    warned = [line for line in done.stdout.splitlines() if "BACKUP_ENV_PASS: 'LD_PRELOAD'" in line]
    assert len(warned) == 1
    assert "/evil" not in done.stdout
