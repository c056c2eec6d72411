"""Commands of the Secret run in the sidecar, and never where volumes are writable."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from demo import app
from tests import needs
from tests.integration.restore.restores import Start, inside, lose, tree, with_repository
from tests.integration.sidecars import PASSWORD, Sidecar

_SOON = 60.0  # seconds, by which a command has run
_KEYS = '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b"}'
_NOWHERE = "127.0.0.1:1"


def _rows(folder: Path) -> dict[str, Mapping[str, str]]:
    """Return Secrets by the variable that runs a command; ``folder`` is where it is mounted."""
    remote = {"RESTIC_REPOSITORY": "rclone:nas:r"}
    nas = {"RCLONE_CONFIG_NAS_TYPE": "sftp", "RCLONE_CONFIG_NAS_HOST": "nas"}
    return {
        "RESTIC_PASSWORD_COMMAND": {"RESTIC_PASSWORD_COMMAND": "COMMAND"},
        "RESTIC_REPOSITORY": {"RESTIC_REPOSITORY": "rclone::sftp,host=nas,ssh=COMMAND:r"},
        "RESTIC_REPOSITORY_FILE": {
            "RESTIC_REPOSITORY": "", "RESTIC_REPOSITORY_FILE": f"{folder}/address",
            "address": "rclone::sftp,host=nas,ssh=COMMAND:r",
        },
        "RCLONE_CONFIG_NAS_SSH": {**remote, **nas, "RCLONE_CONFIG_NAS_SSH": "COMMAND"},
        "RCLONE_SFTP_SSH": {**remote, **nas, "RCLONE_SFTP_SSH": "COMMAND"},
        "RCLONE_CONFIG": {
            **remote, "RCLONE_CONFIG": f"{folder}/my.conf",
            "my.conf": "[nas]\ntype = sftp\nhost = nas\nssh: COMMAND\n",
        },
        "RCLONE_PASSWORD_COMMAND": {
            **remote, "RCLONE_CONFIG": f"{folder}/my.conf", "RCLONE_PASSWORD_COMMAND": "COMMAND",
            "my.conf": "RCLONE_ENCRYPT_V0:\n" + "A" * 80 + "\n",
        },
        "RCLONE_WEBDAV_BEARER_TOKEN_COMMAND": {
            **remote, "RCLONE_CONFIG_NAS_TYPE": "webdav",
            "RCLONE_CONFIG_NAS_URL": f"http://{_NOWHERE}/",
            "RCLONE_WEBDAV_BEARER_TOKEN_COMMAND": "COMMAND",
        },
        "RESTIC_OPTIONS": {**remote, "RESTIC_OPTIONS": "-orclone.program=COMMAND"},
        "RESTIC_ADDITIONAL_BACKUP_PARAMETERS": {
            "RESTIC_REPOSITORY": "sftp:nas:/r",
            "RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "--option 'sftp.command=COMMAND'",
            "SFTP_KEY": "/key", "SFTP_KNOWN_HOSTS": "/hosts",
        },
        "AWS_SHARED_CREDENTIALS_FILE": {
            "RESTIC_REPOSITORY": f"s3:http://{_NOWHERE}/b",
            "AWS_SHARED_CREDENTIALS_FILE": f"{folder}/aws",
            "aws": "[default]\ncredential_process = COMMAND now\n",
        },
    }  # fmt: skip


def _sidecar(root: Path, secret: Mapping[str, str]) -> tuple[Sidecar, Path]:
    """Return a sidecar with an empty volume, and the file that the Secret's command makes there."""
    made = Sidecar(root)
    marker, command = made.volume / "ran", root / "command"
    command.write_text(f"#!/bin/sh\ntouch '{marker}'\necho '{_KEYS}'\n")
    command.chmod(0o755)
    made.change_secret(
        **{key: each.replace("COMMAND", str(command)) for key, each in secret.items()}
    )
    return made, marker


def _runs(sidecar: Sidecar, marker: Path) -> bool:
    """Whether restic in the sidecar runs the command; the file that it makes is removed."""
    with subprocess.Popen(
        ("backup-runner", "restic", "cat", "config"), env=sidecar._process_environment(), cwd="/",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + _SOON
        while not marker.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    ran = marker.exists()
    marker.unlink(missing_ok=True)
    return ran


def test_each_command_of_the_secret_runs_in_a_sidecar_and_in_no_restore_container(
    tmp_path: Path,
) -> None:
    """The sidecar shows that the spelling works at all."""

    def judge(key: str) -> str:
        root = tmp_path / key.removesuffix("_COMMAND")
        root.mkdir()
        mounted = root / "prod-wiki" / "etc" / "backup" / "secret"
        sidecar, marker = _sidecar(root, _rows(mounted)[key])
        if not _runs(sidecar, marker):
            return f"{key}: the sidecar runs nothing"
        start = Start(sidecar, BACKUP_RESTORE_SECONDS="0").run(1)
        if marker.exists() or inside(sidecar.volume) not in ([], [".backup-restore"]):
            return f"{key}: it ran where the volume is writable"
        keys, _, rest = start.told.partition(" commands of the Secret do not run here, because ")
        if key not in keys or 'backup.restore-commands: "' not in rest:
            return f"{key}: {start.told}"
        if sidecar.run("backup-runner", "restore").returncode != 1 or marker.exists():
            return f"{key}: a restore in place"
        return ""

    with ThreadPoolExecutor(2) as pool:
        wrong = list(pool.map(judge, _rows(tmp_path)))

    assert not any(wrong), "\n".join(wrong)


_PLANTED = {
    ".config/rclone/rclone.conf": (
        {"RESTIC_REPOSITORY": "rclone:nas:r"},
        "[nas]\ntype = sftp\nhost = nas\nssh = {}\n",
    ),
    ".aws/credentials": (
        # Else it would ask the cloud for credentials.
        {"RESTIC_REPOSITORY": f"s3:http://{_NOWHERE}/b",
         "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{_NOWHERE}/"},
        "[default]\ncredential_process = {} now\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _PLANTED)
def test_files_that_a_command_left_in_the_state_volume_are_no_configuration(
    tmp_path: Path, name: str
) -> None:
    """Containers of a pod share it, and init containers run again where a node starts again."""
    secret, text = _PLANTED[name]
    sidecar, marker = _sidecar(tmp_path, secret)
    planted = sidecar.path("/var/lib/backup") / name
    planted.parent.mkdir(parents=True)
    planted.write_text(text.format(tmp_path / "command"))

    assert _runs(sidecar, marker)
    start = Start(sidecar, BACKUP_RESTORE_SECONDS="0").run(1)

    assert not marker.exists()
    assert "nas" in start.told or "credentials" in start.told


@pytest.mark.parametrize("hook", ["PRE_HOOK", "POST_HOOK", "RESTIC_BACKUP_COMMAND"])
def test_hooks_run_in_no_container_whose_volumes_are_mounted_read_write(
    tmp_path: Path, hook: str
) -> None:
    needs.root()
    sidecar, marker = _sidecar(tmp_path, {hook: "COMMAND"})
    mount = f"mount --bind '{sidecar.volume}' '{sidecar.volume}'"

    done = sidecar.run("unshare", "--mount", "sh", "-c", f"{mount} && exec backup-runner run")

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{hook} runs a command" in done.stdout
    assert not marker.exists()


def test_an_annotation_allows_a_command_before_the_pod_starts(tmp_path: Path) -> None:
    allowed = {"backup.restore-commands": "RESTIC_PASSWORD_COMMAND"}
    sidecar = with_repository(Sidecar(tmp_path, annotations=allowed))
    app.write_files(sidecar.volume)
    sidecar.back_up()
    del sidecar.secret["RESTIC_PASSWORD"]
    sidecar.change_secret(RESTIC_PASSWORD_COMMAND=f"echo {PASSWORD!r}")
    before = lose(sidecar)

    sidecar.annotate({"backup.restore-commands": ""})  # too late: it was decided at admission
    Start(sidecar).run()

    assert tree(sidecar.volume) == before


def test_configurations_without_commands_work_everywhere(tmp_path: Path) -> None:
    """A remote in a file, by a repository in a file: restic gets what was looked at."""
    sidecar = with_repository(Sidecar(tmp_path))
    app.write_files(sidecar.volume)
    sidecar.back_up()
    before = lose(sidecar)
    mounted = sidecar.path("/etc/backup/secret")
    sidecar.secret.pop("RESTIC_REPOSITORY")
    sidecar.change_secret(**{
        "RESTIC_REPOSITORY_FILE": f"{mounted}/address",
        "address": f"rclone:here:{sidecar.repository}\n",
        "RCLONE_CONFIG": f"{mounted}/my.conf", "my.conf": "[here]\ntype = local\n",
    })  # fmt: skip

    Start(sidecar).run()

    assert tree(sidecar.volume) == before
