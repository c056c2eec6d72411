"""Each way in which a run can come to nothing has its own name, and loses nothing."""

import json
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.cluster.workloads.s3 import serve
from tests.integration.sidecars import PASSWORD, Sidecar

ALL_KEEPS = tuple(f"KEEP_{each}" for each in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"))


def test_wrong_password_is_an_auth_failure_and_creates_nothing(sidecar: Sidecar) -> None:
    sidecar.back_up()
    before = sorted(path.name for path in sidecar.repository.rglob("*") if path.is_file())
    sidecar.change_secret(RESTIC_PASSWORD="not the one")

    ended = sidecar.back_up(expected=1)

    assert (ended["status"], ended["class"]) == ("failure", "auth")
    assert sorted(p.name for p in sidecar.repository.rglob("*") if p.is_file()) == before


def test_unreachable_repository_is_given_up_after_its_timeout(sidecar: Sidecar) -> None:
    """restic alone retries for 15 minutes."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        sidecar.change_secret(RESTIC_REPOSITORY=f"rest:http://127.0.0.1:{port}/")
        started = time.monotonic()

        ended = sidecar.back_up(expected=1)

    assert (ended["status"], ended["class"]) == ("failure", "network")
    assert "connection refused" in ended["message"]
    assert time.monotonic() - started < 300


@pytest.mark.parametrize(
    ("bucket", "key", "failure", "said"),
    [("there", "wrong-key", "auth", "Access Key"), ("nowhere", "", "config", "bucket")],
    ids=["a wrong key", "no such bucket"],
)
def test_a_permanent_refusal_of_a_server_is_not_retried_for_minutes(
    sidecar: Sidecar, tmp_path: Path, bucket: str, key: str, failure: str, said: str
) -> None:
    """restic alone retries for 15 minutes, as if it were a broken line."""
    folder = tmp_path / "s3"
    folder.mkdir()
    with serve("127.0.0.1", folder) as s3:
        s3.make_bucket("there")
        sidecar.change_secret(
            RESTIC_REPOSITORY=s3.repository(bucket),
            AWS_ACCESS_KEY_ID=key or s3.key, AWS_SECRET_ACCESS_KEY=s3.secret,
        )  # fmt: skip

        done = sidecar.run("env", "BACKUP_OPEN_TIMEOUT_SECONDS=120", "backup-runner", "run")

    ended = json.loads(done.stdout.splitlines()[-1])
    assert (ended["status"], ended["class"]) == ("failure", failure)
    assert said in ended["message"]
    assert ended["seconds"] < 100, "less than its time limit"
    assert not (s3.folder / "nowhere").exists()


@pytest.mark.parametrize(
    ("variable", "named"),
    [("RESTIC_REPOSITORY", "RESTIC_REPOSITORY"), ("RESTIC_PASSWORD", "RESTIC_PASSWORD")],
)
def test_secret_without_required_keys_is_a_config_failure(
    sidecar: Sidecar, variable: str, named: str
) -> None:
    del sidecar.secret[variable]
    sidecar.change_secret()

    ended = sidecar.back_up(expected=1)

    assert (ended["status"], ended["class"]) == ("failure", "config")
    assert f"{named} is not set: put it into the Secret" in ended["message"]


def test_repository_that_is_a_file_is_a_config_failure(sidecar: Sidecar) -> None:
    sidecar.repository.write_text("not a repository")

    ended = sidecar.back_up(expected=1)

    assert (ended["status"], ended["class"]) == ("failure", "config")
    assert sidecar.repository.read_text() == "not a repository"


def test_vanished_repository_is_not_created_again(sidecar: Sidecar) -> None:
    sidecar.back_up()
    shutil.rmtree(sidecar.repository)

    ended = sidecar.back_up(expected=1)

    assert (ended["status"], ended["class"]) == ("failure", "config")
    assert "the repository is gone" in ended["message"]
    assert not sidecar.repository.exists()


def test_missing_source_is_a_source_failure(sidecar: Sidecar) -> None:
    shutil.rmtree(sidecar.path("/backup"))

    ended = sidecar.back_up(expected=1)

    assert (ended["status"], ended["class"]) == ("failure", "source")
    assert not sidecar.repository.exists()


def test_source_that_was_always_empty_is_a_warning(tmp_path: Path) -> None:
    ended = Sidecar(tmp_path).back_up()

    assert (ended["status"], ended["class"]) == ("warning", "source")
    assert "empty" in ended["message"]


def test_source_that_lost_its_files_fails_and_suspends_retention(sidecar: Sidecar) -> None:
    sidecar.back_up()
    shutil.rmtree(sidecar.volume)
    sidecar.volume.mkdir()

    done = sidecar.run("backup-runner", "run")

    assert done.returncode == 1
    assert "had files before" in done.stdout
    assert "forget" not in done.stdout
    assert sidecar.status()["held"] is True


def test_source_that_lost_its_files_fails_in_a_new_pod_too(sidecar: Sidecar) -> None:
    """Its state is empty; the repository knows."""
    sidecar.back_up()
    shutil.rmtree(sidecar.volume)
    sidecar.volume.mkdir()
    (sidecar.path("/var/lib/backup") / "state.json").unlink()
    with sidecar.running():
        sidecar.wait_for('"started"')
        sidecar.signal(signal.SIGUSR1)
        sidecar.wait_for("had files before")


def test_good_snapshots_survive_three_runs_without_files(sidecar: Sidecar) -> None:
    sidecar.change_secret(**dict.fromkeys(ALL_KEEPS, "0"), KEEP_LAST="2")
    sidecar.back_up()
    good = sidecar.snapshots()[0]["id"]
    files = sidecar.volume.with_name("away")
    sidecar.volume.rename(files)
    sidecar.volume.mkdir()

    for _ in range(3):
        sidecar.back_up(expected=1)

    assert good in {each["id"] for each in sidecar.snapshots()}


def test_shrunken_source_suspends_retention_until_it_is_accepted(sidecar: Sidecar) -> None:
    sidecar.change_secret(**dict.fromkeys(ALL_KEEPS, "0"), KEEP_LAST="1")
    sidecar.back_up()
    for path in list(sidecar.volume.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (sidecar.volume / "left").write_text("over")

    for _ in range(2):
        ended = sidecar.back_up()
        assert (ended["status"], ended["class"]) == ("warning", "source")
        assert "shrank from" in ended["message"]
        _make_retention_due(sidecar)
    assert len(sidecar.snapshots()) == 3

    assert sidecar.run("backup-runner", "accept").returncode == 0
    assert sidecar.back_up()["status"] == "success"
    kept = ["doubtful" in each["tags"] for each in sidecar.snapshots()]
    assert kept == [False]  # of doubtful ones none is kept that would not be, were it good


def _make_retention_due(sidecar: Sidecar) -> None:
    file = sidecar.path("/var/lib/backup") / "state.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tasks": {}}))


def test_repository_locked_by_a_live_run_is_skipped_and_stays_locked(sidecar: Sidecar) -> None:
    sidecar.back_up()
    lock = _leave_exclusive_lock(sidecar)

    done = sidecar.run("backup-runner", "run")

    assert done.returncode == 75
    assert '"class": "locked"' in done.stdout
    assert lock.exists()


def _leave_exclusive_lock(sidecar: Sidecar) -> Path:
    """Kill a `restic check` while it holds its lock, which nothing but `unlock` removes."""
    environment = {
        "PATH": sidecar._process_environment()["PATH"],
        "HOME": str(sidecar.root),
        "RESTIC_REPOSITORY": str(sidecar.repository),
        "RESTIC_PASSWORD": PASSWORD,
    }
    locks = sidecar.repository / "locks"
    for _ in range(20):
        with subprocess.Popen(("restic", "check"), env=environment, stdout=-3, stderr=-3) as check:
            while check.poll() is None and not any("-tmp-" not in p.name for p in locks.iterdir()):
                time.sleep(0.005)
            check.kill()
        # A file with -tmp- is a lock that was still being written: it counts for nobody.
        if found := [path for path in locks.iterdir() if "-tmp-" not in path.name]:
            return found[0]
    raise AssertionError("restic check never held a lock for long enough")


def test_full_repository_disk_is_a_space_failure(sidecar: Sidecar) -> None:
    """The limit on file sizes stands for the disk's end."""
    done = sidecar.run("sh", "-c", "ulimit -f 64; trap '' XFSZ; exec backup-runner run")

    assert done.returncode == 1
    assert '"status": "failure"' in done.stdout
    assert '"snapshot"' not in done.stdout


def test_failing_receivers_do_not_change_the_result(sidecar: Sidecar) -> None:
    sidecar.change_secret(
        PUSHGATEWAY_ENABLED="true", PUSHGATEWAY_URL="http://127.0.0.1:9",
        NTFY_ENABLED="true", NTFY_SERVER="http://127.0.0.1:9", NTFY_TOPIC="t",
    )  # fmt: skip

    ended = sidecar.back_up()

    assert ended["status"] == "success"


def test_two_runs_never_overlap(sidecar: Sidecar) -> None:
    fifo = sidecar.root / "go"
    subprocess.run(("mkfifo", str(fifo)), check=True)
    sidecar.change_secret(PRE_HOOK=f"cat '{fifo}'")
    command, environment = ("backup-runner", "run"), sidecar._process_environment()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as first:
        with fifo.open("w"):  # the first run is inside its hook now
            second = sidecar.run(*command, "--no-wait")
        first.wait(300)

    assert second.returncode == 75
    assert "another run is in progress" in second.stdout
    assert first.returncode == 0
    assert len(sidecar.snapshots()) == 1


def test_run_continues_without_a_reader_of_its_log(sidecar: Sidecar) -> None:
    """As when `kubectl exec` loses its connection."""
    command, environment = ("backup-runner", "run"), sidecar._process_environment()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.readline()
        run.stdout.close()
        run.wait(300)

    assert run.returncode == 0
    assert sidecar.status()["last"]["status"] == "success"
