"""tools/images.sh: what it asks for, and a push to a real registry."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from contract import VERSION
from tests.cluster.programs import images
from tests.cluster.settings import IMAGES, PROJECT
from tests.images import registry
from tests.images.image import Image

_SCRIPT = PROJECT / "tools/images.sh"
TARGETS = ("webhook", "sidecar", "sidecar-db")
_WHAT = "write: images.sh build | push REGISTRY"
_WHERE = "no registry: make push REGISTRY=registry.example.com/backup"


def images_sh(
    *arguments: str, before: tuple[str, ...] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the script with its own variables as given, whatever they are outside."""
    return subprocess.run(
        [*before, str(_SCRIPT), *arguments],
        env={**os.environ, "ARCH": "", "BUILD_ARGS": "", "ENGINE": "", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def only(folder: Path, *programs: str) -> str:
    """Return a PATH of nothing but these programs and what the script itself needs."""
    for program in ("dirname", "sed", "sh", "uname", *programs):
        (folder / program).symlink_to(shutil.which(program) or program)
    return str(folder)


@pytest.mark.parametrize(
    ("arguments", "engine", "said"),
    [
        ((), "", _WHAT),
        (("pull",), "", _WHAT),
        (("push",), "", _WHERE),
        (("push", ""), "", _WHERE),
        (("build",), "no", "ENGINE=no does not work here: `no version` says why"),
    ],
    ids=["nothing", "another word", "push nowhere", "push to nothing", "an engine that is not"],
)
def test_an_invalid_call_is_reported_in_one_line(
    arguments: tuple[str, ...], engine: str, said: str
) -> None:
    done = images_sh(*arguments, ENGINE=engine)

    assert done.returncode == 2
    assert done.stderr == f"images: {said}\n"


def test_without_a_container_engine_it_names_what_to_install(tmp_path: Path) -> None:
    done = images_sh("build", PATH=only(tmp_path))

    assert done.returncode == 2
    assert done.stderr == (
        "images: neither a docker daemon nor podman nor buildah is here: "
        "install one, such as buildah\n"
    )


def test_a_docker_client_without_its_daemon_is_skipped(tmp_path: Path) -> None:
    folder = only(tmp_path)
    for name, script in {"docker": "exit 1", "podman": 'echo "$1"; exit 0'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    done = images_sh("build", PATH=folder)

    assert done.returncode == 0, done.stderr
    assert f"Building backup-webhook-sidecar-db:{VERSION} for arm64 with podman ..." in done.stdout


def test_push_puts_all_images_into_a_registry(built: dict[str, Image], tmp_path: Path) -> None:
    with registry.serve(tmp_path) as there:
        variables = buildah(tmp_path, there.address)
        for name in built:
            _buildah("pull", f"oci-archive:{IMAGES}/{name}.tar", **variables)
        done = images_sh(
            "push", f"{there.address}/ours/", before=images.APART, ARCH="amd64", **variables
        )
        assert done.returncode == 0, done.stdout + done.stderr

        for name, image in built.items():
            layers = there.manifest(f"ours/{image_name(name)}", VERSION)["layers"]
            assert sum(layer["size"] for layer in layers) == image.size


def buildah(folder: Path, address: str) -> dict[str, str]:
    """Return variables for a storage of the test's own, which has no images, and the registry."""
    storage, registries = folder / "storage.conf", folder / "registries.conf"
    where = {"driver": "overlay", "graphroot": f"{folder}/storage", "runroot": f"{folder}/run"}
    settings = "".join(f"{key} = {json.dumps(text)}\n" for key, text in where.items())
    storage.write_text(f"[storage]\n{settings}")
    registries.write_text(f'[[registry]]\nlocation = "{address}"\ninsecure = true\n')
    files = {"STORAGE": storage, "REGISTRIES": registries}
    return {
        "ENGINE": "buildah",
        **{f"CONTAINERS_{kind}_CONF": str(file) for kind, file in files.items()},
    }


def _buildah(*arguments: str, **variables: str) -> None:
    argv = [*images.APART, "buildah", *arguments]
    done = subprocess.run(
        argv, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def image_name(target: str) -> str:
    """Return the name of the image of a target."""
    return "backup-webhook" if target == "webhook" else f"backup-webhook-{target}"
