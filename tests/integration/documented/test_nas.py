"""The recipe for a NAS: its Secrets and its server are what restic and rclone take."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.ports import free_port
from runner.config import build as config_build
from tests.blocks import PROJECT, fenced
from tests.cluster.programs import build
from tests.integration.sidecars import Sidecar
from tests.services import server

_PAGE = "docs/recipes/nas.md"
Json = dict[str, Any]


def objects(heading: str) -> list[Json]:
    """Return the objects below a heading of the recipe."""
    return [each for block in fenced(_PAGE) if block.heading == heading
            for each in yaml.safe_load_all(block.text)]  # fmt: skip


def test_the_page_contains_the_tested_text() -> None:
    assert (PROJECT / _PAGE).exists()
    assert [len(objects(f"## {name}")) for name in ("SFTP", "SMB", "NFS")] == [1, 1, 3]


@pytest.mark.parametrize("heading", ["## SFTP", "## SMB"])
def test_a_secret_is_complete(heading: str) -> None:
    (given,) = objects(heading)

    read = config_build.config({}, given["stringData"], {})

    assert (read.missing, read.problems) == ("", ())


def test_rclone_knows_the_variables_of_smb() -> None:
    """It goes as far as to a server that is not there."""
    (given,) = objects("## SMB")
    variables = dict(given["stringData"])
    password = subprocess.run((build.rclone(), "obscure", "x"), capture_output=True, text=True,
                              check=True).stdout.strip()  # fmt: skip
    variables |= {"RCLONE_CONFIG_NAS_HOST": "127.0.0.1", "RCLONE_CONFIG_NAS_PASS": password,
                  "RCLONE_CONFIG_NAS_PORT": str(free_port())}  # fmt: skip
    remote = variables["RESTIC_REPOSITORY"].removeprefix("rclone:")

    done = subprocess.run(
        (build.rclone(), "lsf", remote, "--retries=1", "--low-level-retries=1"),
        env={**variables, "HOME": "/nonexistent"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "connection refused" in done.stderr


def test_the_server_of_an_nfs_share_holds_repositories(sidecar: Sidecar, tmp_path: Path) -> None:
    secret, deployment, service = objects("## NFS")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    (mount,) = container["volumeMounts"]
    (opened,) = service["spec"]["ports"]
    port, share = free_port(), tmp_path / "share"
    share.mkdir()
    here = {mount["mountPath"]: str(share), f"--addr=:{opened['port']}": f"--addr=127.0.0.1:{port}"}
    words = [here.get(word, word) for word in container["command"][1:]]
    assert set(here.values()) <= set(words)
    login = [f"{key}={text}" for key, text in secret["stringData"].items()]
    argv = ("env", *login, build.rclone(), *words, "--config", tmp_path / "rclone.conf")

    with server.running("the server", argv, port, tmp_path / "server.log"):
        user, password = secret["stringData"]["RCLONE_USER"], secret["stringData"]["RCLONE_PASS"]
        sidecar.change_secret(
            RESTIC_REPOSITORY=f"rest:http://127.0.0.1:{port}/prod/", RESTIC_REST_USERNAME=user,
            RESTIC_REST_PASSWORD=password,
        )  # fmt: skip
        sidecar.back_up()

    assert (share / "prod/config").exists()
