"""`backup-runner restic`: restic itself, with what the Secret says and nothing of ours between."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from contract import names
from demo import app, trees
from tests.blocks import PROJECT
from tests.integration.sidecars import PASSWORD, Sidecar, contents


def test_restic_behaves_as_if_called_directly(sidecar: Sidecar) -> None:
    """Standard output is restic's alone, so that what it says can be read by programs."""
    sidecar.back_up()

    done = sidecar.run("backup-runner", "restic", "snapshots", "--json", "--host", "wiki")

    assert (done.returncode, done.stderr) == (0, "")
    assert [each["hostname"] for each in json.loads(done.stdout)] == ["wiki"]


def test_exit_status_and_output_are_restics(sidecar: Sidecar) -> None:
    done = sidecar.run("backup-runner", "restic", "cat", "config")

    assert done.returncode == 10
    assert "repository does not exist" in done.stderr
    assert not done.stdout


def test_restics_own_options_follow_two_dashes(sidecar: Sidecar) -> None:
    done = sidecar.run("backup-runner", "restic", "--", "--help")

    assert done.returncode == 0
    assert "restic is a backup program" in done.stdout


def test_no_secret_is_in_the_arguments_and_files_stay_in_our_folder(sidecar: Sidecar) -> None:
    """A password command of restic's sees both: the process that it is a child of, and the rest."""
    seen = sidecar.root / "seen"
    command = sidecar.root / "password"
    command.write_text(
        f'#!/bin/sh\ntr "\\0" "\\n" </proc/$PPID/cmdline >"{seen}"\n'
        f'echo "$HOME $TMPDIR $RESTIC_CACHE_DIR" >>"{seen}"\necho "{PASSWORD}"\n'
    )
    command.chmod(0o755)
    del sidecar.secret["RESTIC_PASSWORD"]
    sidecar.change_secret(RESTIC_PASSWORD_COMMAND=str(command))

    sidecar.run("backup-runner", "restic", "init")

    state = sidecar.path("/var/lib/backup")
    folders = [str(state), *(str(state / name) for name in ("tmp", "cache"))]
    assert seen.read_text().splitlines() == ["restic", "init", " ".join(folders)]


@pytest.mark.parametrize("key", ["RESTIC_REPOSITORY", "RESTIC_PASSWORD"])
def test_missing_keys_of_the_secret_are_reported_in_one_line(tmp_path: Path, key: str) -> None:
    sidecar = Sidecar(tmp_path)
    del sidecar.secret[key]
    sidecar.change_secret()

    done = sidecar.run("backup-runner", "restic", "snapshots")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{key} is not set: put it into the Secret\n"


def test_a_mirror_has_no_repository(tmp_path: Path) -> None:
    sidecar = Sidecar(
        tmp_path, annotations={"backup.engine": "rclone"}, secret={"BUP_DST": f"{tmp_path}/mirror"}
    )

    done = sidecar.run("backup-runner", "restic", "snapshots")

    assert (done.returncode, done.stdout) == (1, "")
    assert "this workload has a mirror, not a restic repository" in done.stderr


def test_help_has_examples(sidecar: Sidecar) -> None:
    said = " ".join(sidecar.run("backup-runner", "restic", "--help").stdout.split())

    assert "Runs restic with the Secret's repository and password" in said
    assert "restic snapshots" in said


def test_the_example_of_a_restore_job_restores_the_files(tmp_path: Path) -> None:
    """It reads the Secret's files: no key of it is a variable of its container."""
    example = PROJECT / "manifests/examples/restore.yaml"
    (container,) = yaml.safe_load(example.read_text())["spec"]["template"]["spec"]["containers"]
    assert "envFrom" not in container
    sidecar = Sidecar(tmp_path, namespace="wiki")
    app.write_files(sidecar.volume)
    sidecar.back_up()
    volume, target, state = str(sidecar.volume), tmp_path / "restored", tmp_path / "state"
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert variables.pop("PATH") == names.PATH
    assert variables == {"BACKUP_SECRET_DIR": names.SECRET_DIR, "BACKUP_STATE_DIR": names.STATE_DIR}
    program, *words = container["command"]
    assert program == names.RUNNER

    done = subprocess.run(
        ["backup-runner", *(word.replace("/backup/data", volume).replace("/restored", str(target))
                            for word in words)],
        env={"PATH": os.environ["PATH"], "BACKUP_STATE_DIR": str(state),
             "BACKUP_SECRET_DIR": str(sidecar.path(names.SECRET_DIR))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert contents(trees.capture(target)) == contents(trees.capture(sidecar.volume))
