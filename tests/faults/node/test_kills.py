"""Processes killed at the worst moment: by the kernel, the kubelet or a node that goes away."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.cluster.work import until
from tests.faults.network import line
from tests.faults.network.line import WORKS, Fault, Line, always
from tests.faults.night import Night, end, is_outcome, last_line
from tests.integration.sidecars import Sidecar
from tests.services import rest

SLOW = {"RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "--limit-upload 2000"}


def test_restic_killed_during_a_backup(tmp_path: Path) -> None:
    """The kernel takes the process that uses most when memory runs out."""
    night = Night(tmp_path)
    night.write("new", 8 << 20)
    night.sidecar.change_secret(**SLOW)
    with night.running() as run:
        os.kill(night.restic_in(run, "backup"), signal.SIGKILL)
        ended = last_line(run, is_outcome)

    assert run.returncode == 1
    night.ended(ended, "failure", "memory")
    assert night.ends()["status"] == "success"


def test_everything_killed_during_a_backup(tmp_path: Path) -> None:
    """A container that is out of memory, or whose node loses its power."""
    night = Night(tmp_path)
    night.write("new", 8 << 20)
    night.sidecar.change_secret(**SLOW)
    with night.running() as run:
        restic = night.restic_in(run, "backup")
        run.kill()
        os.kill(restic, signal.SIGKILL)

    with night.sidecar.running():
        night.sidecar.wait_for("the run was killed, usually for lack of memory")
    assert night.ends()["status"] == "success"


def test_a_backup_that_is_stopped(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.write("new", 8 << 20)
    night.sidecar.change_secret(**SLOW)
    with night.running() as run:
        night.restic_in(run, "backup")
        run.terminate()
        ended = last_line(run, is_outcome)

    night.ended(ended, "interrupted")
    assert night.sidecar.restic("list", "locks") == ""
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("task", ["forget", "prune"])
def test_a_task_that_is_killed(tmp_path: Path, way: Line, task: str) -> None:
    """The backup before it stays a success; its lock keeps others out until it is old."""
    night = Night(tmp_path, RESTIC_REPOSITORY=f"rest:{way.url}/repository/")
    night.make_tasks_due()
    with night.running() as run:
        os.kill(night.held_in(run, task, way), signal.SIGKILL)
        ended = last_line(run, is_outcome)

    assert run.returncode == 0
    night.ended(ended, "success")
    assert night.sidecar.status()["tasks"][task]["status"] == "failure"
    night.back_up("skipped", "locked")
    night.sidecar.restic("unlock")  # as half an hour does
    assert night.ends()["status"] == "success"


@pytest.mark.parametrize("task", ["prune", "check"])
def test_a_task_that_is_stopped(tmp_path: Path, way: Line, task: str) -> None:
    """It is told, removes its lock, and is tried again after the next backup."""
    night = Night(tmp_path, RESTIC_REPOSITORY=f"rest:{way.url}/repository/")
    night.make_tasks_due()
    with night.running() as run:
        night.held_in(run, task, way)
        run.terminate()
        ended = last_line(run, is_outcome)

    assert run.returncode == 0
    night.ended(ended, "success")
    assert night.sidecar.status()["tasks"][task]["status"] == "interrupted"
    assert night.sidecar.restic("list", "locks") == ""
    assert night.ends()["status"] == "success"
    assert night.sidecar.status()["tasks"][task]["status"] == "success"


def test_a_check_that_lasts_until_the_next_backup(tmp_path: Path) -> None:
    """The backup goes first, and the check is tried again after it."""
    only_checks = {"backup.forget": "off", "backup.prune": "off", "backup.verify": "off"}
    with rest.serve(tmp_path) as url, line.to(url) as way:
        night = Night(tmp_path, RESTIC_REPOSITORY=f"rest:{way.url}/repository/")
        night.make_tasks_due()
        night.sidecar.annotate({"backup.schedule": "* * * * *", **only_checks})
        way.rule = lambda _, path: Fault(hangs=path.endswith("/data/"))  # no backup lists packs
        with night.sidecar.running() as sidecar:
            sidecar.wait_for('"started"')
            sidecar.signal(signal.SIGUSR1)
            sidecar.wait_for("backup success")
            told = sidecar.wait_for("check interrupted")
            way.rule = always(WORKS)
            began = json.loads(sidecar.wait_for("backup started"))
            sidecar.wait_for("backup success")
            sidecar.wait_for("check success")
        assert "a backup fell due" in told
        assert began["why"] == "schedule"
        late = datetime.fromisoformat(began["time"]).second
        assert late < 30  # seconds after the minute
        assert night.ends()["status"] == "success"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_stopped_or_killed_while_the_server_hangs(tmp_path: Path, number: signal.Signals) -> None:
    """Opening waits for an answer: a pod that stops does not wait with it."""
    with rest.serve(tmp_path) as url, line.to(url) as way:
        night = Night(tmp_path, RESTIC_REPOSITORY=f"rest:{way.url}/repository/")
        way.seen.clear()
        way.rule = always(Fault(hangs=True))
        with night.running() as run:
            until(lambda: bool(way.seen), "the server is asked", 120)
            end(run, number)
            if number == signal.SIGTERM:
                night.ended(last_line(run, is_outcome), "interrupted")
        way.rule = always(WORKS)

        assert night.ends()["status"] == "success"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_stopped_or_killed_while_the_repository_is_created(
    tmp_path: Path, number: signal.Signals
) -> None:
    """A key is there, the config is not, and no restic can go on: the next run names the cure."""
    with rest.serve(tmp_path) as url, line.to(url) as way:
        sidecar = Sidecar(tmp_path, secret={"RESTIC_REPOSITORY": f"rest:{way.url}/repository/"})
        (sidecar.volume / "page").write_text("some")
        way.rule = line.on_uploads(Fault(hangs=True), "/config")
        environment = sidecar._process_environment()
        with subprocess.Popen(
            ("backup-runner", "run"), env=environment, stdout=subprocess.PIPE, text=True
        ) as run:
            until(lambda: way.uploads("/config") > 0, "the config is written", 120)
            assert len(list((sidecar.repository / "keys").iterdir())) == 1
            end(run, number)
            run.communicate()
        way.rule = always(Fault(reset_after=0))
        until(lambda: not way.hanging, "what is on its way is lost", 60)
        assert not (sidecar.repository / "config").exists()
        way.rule = always(WORKS)

        ended = sidecar.back_up(expected=1)

        assert ended["class"] == "config"
        assert "its creation was interrupted" in ended["message"]
        assert [file.parent.name for file in _files(sidecar.repository)] == ["keys"]
        next(_files(sidecar.repository)).unlink()
        assert sidecar.back_up()["status"] == "success"
        assert len(json.loads(sidecar.restic("key", "list", "--json"))) == 1
        assert len(sidecar.snapshots()) == 1


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_stopped_or_killed_during_a_copy(tmp_path: Path, way: Line, number: signal.Signals) -> None:
    """The backup stays a success; the next one copies both snapshots."""
    night = Night(tmp_path, RESTIC_REPOSITORY=f"rest:{way.url}/repository/")
    second = tmp_path / "second"
    night.sidecar.change_secret(
        COPY_RESTIC_REPOSITORY=str(second), COPY_RESTIC_PASSWORD="another one"
    )
    with night.running() as run:
        restic = night.held_in(run, "copy", way)
        if number == signal.SIGTERM:
            run.terminate()
        else:
            os.kill(restic, number)
        night.ended(last_line(run, is_outcome), "success")
    status = "interrupted" if number == signal.SIGTERM else "failure"
    assert night.sidecar.status()["tasks"]["copy"]["status"] == status

    assert night.ends()["status"] == "success"

    assert night.sidecar.status()["tasks"]["copy"]["status"] == "success"


def test_a_last_backup_that_does_not_fit_in_the_grace_period(tmp_path: Path) -> None:
    """It is stopped while there is time to take its lock away."""
    night = Night(tmp_path)
    sidecar = night.sidecar
    night.write("large", 32 << 20)
    sidecar.annotate({"backup.on-exit": "true"})
    sidecar.change_secret(RESTIC_ADDITIONAL_BACKUP_PARAMETERS="--limit-upload 500")
    sidecar._extra = {**sidecar._extra, "BACKUP_GRACE_SECONDS": "7"}
    with night.running("backup-runner", "tick", "--exit") as process:
        ended = last_line(process, is_outcome)

    night.ended(ended, "interrupted")
    assert "grace period is too short" in ended["message"]
    assert not list((sidecar.repository / "locks").iterdir())
    assert len(sidecar.snapshots()) == 1
    sidecar.change_secret(RESTIC_ADDITIONAL_BACKUP_PARAMETERS="")
    assert night.ends()["status"] == "success"
