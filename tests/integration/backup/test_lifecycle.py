"""The injected container as it lives in a pod: started, asked, changed, stopped and killed."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from demo import app
from tests.cluster.work import until
from tests.integration.sidecars import SECRET, Sidecar


def test_missed_slot_is_caught_up_after_the_start(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, pace={"BACKUP_CATCH_UP_SECONDS": "1"})
    app.write_files(sidecar.volume)

    with sidecar.running():
        line = json.loads(sidecar.wait_for('"backup started"'))
        sidecar.wait_for("backup success")

    assert line["why"] == "schedule"


def test_new_state_recovers_the_last_backup_from_the_repository(tmp_path: Path) -> None:
    """A pod that is replaced every few minutes does not back up every few minutes."""
    monthly = {"backup.schedule": "@monthly"}
    sidecar = Sidecar(tmp_path, annotations=monthly, pace={"BACKUP_CATCH_UP_SECONDS": "0"})
    app.write_files(sidecar.volume)
    sidecar.back_up()
    (sidecar.path("/var/lib/backup") / "state.json").unlink()

    with sidecar.running():
        sidecar.wait_for('"started"')
        sidecar.signal(signal.SIGUSR1)
        asked = json.loads(sidecar.wait_for('"backup started"'))

    started = [line for line in sidecar.log if '"backup started"' in line]
    assert asked["why"] == "asked"
    assert len(started) == 1


def test_new_value_of_run_now_starts_one_run(sidecar: Sidecar) -> None:
    with sidecar.running():
        sidecar.wait_for('"started"')
        sidecar.annotate({"backup.run-now": "1"})
        line = json.loads(sidecar.wait_for('"backup started"'))
        sidecar.wait_for("backup success")
        sidecar.annotate({"unrelated": "change"})
        sidecar.annotate({"backup.run-now": "2"})
        sidecar.wait_for("backup success")

    assert line["why"] == "run-now"
    assert len(sidecar.snapshots()) == 2


def test_paused_pod_runs_nothing_and_reports_it(sidecar: Sidecar) -> None:
    sidecar.annotate({"backup.paused": "true", "backup.run-now": "1"})
    with sidecar.running():
        sidecar.wait_for('"started"')
        sidecar.annotate({"backup.run-now": "2"})

    assert not sidecar.repository.exists()
    assert sidecar.status()["paused"] is True


def test_settings_change_without_a_restart(sidecar: Sidecar) -> None:
    sidecar.change_secret(BACKUP_SCHEDULE="@daily")
    with sidecar.running():
        sidecar.wait_for('"started"')
        assert sidecar.status()["schedule"] == "@daily"
        sidecar.annotate({"backup.schedule": "30 2 * * *", "backup.timezone": "Europe/Berlin"})
        known = sidecar.status()

    assert (known["schedule"], known["timezone"]) == ("30 2 * * *", "Europe/Berlin")


def test_invalid_live_value_falls_back_and_is_named(sidecar: Sidecar) -> None:
    sidecar.annotate({"backup.schedule": "whenever"})
    sidecar.change_secret(BACKUP_SCHEDULE="@daily")
    with sidecar.running():
        line = json.loads(sidecar.wait_for("backup.schedule"))

    assert line["level"] == "warning"
    assert "'whenever'" in line["message"]
    assert line["message"].endswith("using @daily")
    assert sidecar.status()["problems"] == [line["message"]]


def test_invalid_live_value_keeps_the_last_valid_one_and_is_named_once(sidecar: Sidecar) -> None:
    """Not the default: the pod may have been told to keep ten years."""
    sidecar.annotate({"backup.schedule": "@monthly", "backup.keep-daily": "30"})
    with sidecar.running():
        sidecar.wait_for('"started"')
        sidecar.annotate({"backup.schedule": "monthly", "backup.keep-daily": "all"})
        sidecar.wait_for("backup.schedule")
        line = json.loads(sidecar.wait_for("backup.keep-daily"))
        sidecar.annotate({"unrelated": "change"})
        sidecar.annotate({"backup.schedule": "@weekly"})
        known = sidecar.status()

    assert line["message"].endswith("using 30")
    assert known["schedule"] == "@weekly"
    (problem,) = known["problems"]
    assert problem == line["message"]
    messages = [json.loads(each)["message"] for each in sidecar.log]
    assert len([each for each in messages if "backup.keep-daily" in each]) == 1


def test_secret_created_later_starts_the_failed_backup(sidecar: Sidecar) -> None:
    right = dict(sidecar.secret)
    sidecar.write_secrets({SECRET: {"KEEP_DAILY": "3"}})
    with sidecar.running():
        sidecar.wait_for('"started"')
        sidecar.signal(signal.SIGUSR1)
        sidecar.wait_for("RESTIC_REPOSITORY is not set")
        sidecar.change_secret(**right)
        sidecar.wait_for("backup success")


def test_last_backup_is_made_when_the_pod_stops_if_enabled(tmp_path: Path) -> None:
    """What the app wrote as it ended is in it."""
    sidecar = Sidecar(tmp_path, pace={"BACKUP_GRACE_SECONDS": "120"})
    app.write_files(sidecar.volume)
    sidecar.back_up()
    sidecar.annotate({"backup.on-exit": "true"})
    with sidecar.running():
        sidecar.wait_for('"started"')
        (sidecar.volume / "last words").write_text("goodbye")
        assert sidecar.stop(grace=120) == 0

    assert sidecar.restic("dump", "latest", str(sidecar.volume / "last words")) == "goodbye"
    assert '"why": "exit"' in "".join(sidecar.log)


def test_last_backup_creates_no_repository_and_is_not_made_while_paused(sidecar: Sidecar) -> None:
    sidecar.annotate({"backup.on-exit": "true"})
    with sidecar.running():
        sidecar.wait_for('"started"')
        assert sidecar.stop() == 0
    sidecar.annotate({"backup.paused": "true"})
    with sidecar.running():
        sidecar.wait_for('"started"')
        assert sidecar.stop() == 0

    assert not sidecar.repository.exists()
    assert "".join(sidecar.log).count('"why": "exit"') == 1


def test_last_backup_ends_before_the_grace_period(tmp_path: Path) -> None:
    """A killed restic would leave its lock."""
    grace = {"BACKUP_GRACE_SECONDS": "6"}
    sidecar = Sidecar(tmp_path, annotations={"backup.on-exit": "true"}, pace=grace)
    app.write_files(sidecar.volume)
    sidecar.back_up()
    (sidecar.volume / "big").write_bytes(os.urandom(64 << 20))
    sidecar.change_secret(RESTIC_ADDITIONAL_BACKUP_PARAMETERS="--limit-upload 1000")
    with sidecar.running():
        sidecar.wait_for('"started"')
        sidecar.stop()

    assert "grace period is too short" in "".join(sidecar.log)
    assert sidecar.restic("list", "locks") == ""
    assert len(sidecar.snapshots()) == 1


def test_idle_container_stops_at_once_with_exit_0(tmp_path: Path) -> None:
    sidecar = Sidecar(tmp_path, pace={"BACKUP_POLL_SECONDS": "90"})
    with sidecar.running():
        sidecar.wait_for('"started"')

        assert sidecar.stop(grace=60) == 0


@pytest.fixture
def busy(sidecar: Sidecar) -> Sidecar:
    """A sidecar whose backup takes long: a limit on upload that only restic knows of."""
    sidecar.back_up()
    (sidecar.volume / "large").write_bytes(os.urandom(32 << 20))
    sidecar.change_secret(RESTIC_ADDITIONAL_BACKUP_PARAMETERS="--limit-upload 1000")
    return sidecar


def test_stopped_run_is_interrupted_and_leaves_no_lock(busy: Sidecar) -> None:
    with busy.running():
        _begin(busy)

        assert busy.stop(grace=60) == 0

    assert busy.status()["last"]["status"] == "interrupted"
    assert not list((busy.repository / "locks").iterdir())
    assert len(busy.snapshots()) == 1
    busy.restic("check")


def test_killed_run_is_reported_at_the_next_start(busy: Sidecar) -> None:
    with busy.running():
        _begin(busy)
        _kill_all(busy)
    with busy.running():
        line = json.loads(busy.wait_for('"backup failure'))

    assert (line["class"], line["status"]) == ("memory", "failure")
    assert "was killed" in line["message"]
    assert len(busy.snapshots()) == 1


def _begin(sidecar: Sidecar) -> None:
    sidecar.wait_for('"started"')
    sidecar.signal(signal.SIGUSR1)
    sidecar.wait_for('"backup started"')
    locks = sidecar.repository / "locks"
    until(lambda: any(locks.iterdir()), "restic has locked the repository", 60)


def _kill_all(sidecar: Sidecar) -> None:
    """Kill supervisor, tick and restic as the kernel kills a container."""
    assert sidecar._process is not None
    pids = [sidecar._process.pid]
    for pid in pids:
        listed = subprocess.run(
            ("pgrep", "-P", str(pid)), capture_output=True, text=True, check=False
        )
        pids += [int(word) for word in listed.stdout.split()]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
