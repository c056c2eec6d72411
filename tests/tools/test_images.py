"""tools/images.sh with stand-ins for the engines: how they build and push for two machines."""

import os
from pathlib import Path

import pytest

from contract import VERSION
from tests.images.test_script import images_sh, only

OWN, OTHER = ("arm64", "amd64") if os.uname().machine == "aarch64" else ("amd64", "arm64")
_RECORD = """#!/bin/sh
echo "$(basename "$0") $*" >> "$LOG"
case $* in "manifest inspect"*) echo '{"architecture": "amd64"}, {"architecture": "arm64"}';; esac
"""
_HERE = "registry.example.com/ours"
WEBHOOK = f"backup-webhook:{VERSION}"


def _stand_in(folder: Path, engine: str, script: str = "") -> dict[str, str]:
    """Return variables with which the script finds an engine that notes how it is called."""
    path = only(folder, "basename")
    (folder / engine).write_text(_RECORD + script)
    (folder / engine).chmod(0o755)
    return {"PATH": path, "LOG": str(folder / "log"), "ENGINE": engine}


def _called(folder: Path) -> list[str]:
    """Return the calls for the image `webhook`, without what is the same in all builds."""
    lines = (folder / "log").read_text().splitlines()
    version = f" --build-arg VERSION={VERSION} ."
    return [line.removesuffix(version) for line in lines if WEBHOOK in line]


_MACHINE = f"--build-arg BUILDPLATFORM=linux/{OWN} --platform linux"
BUILDS: dict[tuple[str, str], list[str]] = {
    ("docker", ""): [
        f"docker build --target webhook --tag {WEBHOOK}-amd64 --platform linux/amd64",
        *([f"docker tag {WEBHOOK}-amd64 {WEBHOOK}"] if OWN == "amd64" else []),
        f"docker build --target webhook --tag {WEBHOOK}-arm64 --platform linux/arm64",
        *([f"docker tag {WEBHOOK}-arm64 {WEBHOOK}"] if OWN == "arm64" else []),
    ],
    ("docker", "arm64"): [f"docker build --target webhook --tag {WEBHOOK} --platform linux/arm64"],
    **{
        (engine, ""): [
            f"{engine} manifest rm {WEBHOOK}",
            f"{engine} build --target webhook --manifest {WEBHOOK} {_MACHINE}/amd64",
            f"{engine} build --target webhook --manifest {WEBHOOK} {_MACHINE}/arm64",
        ]
        for engine in ("podman", "buildah")
    },
    **{
        (engine, "arm64"): [f"{engine} build --target webhook --tag {WEBHOOK} {_MACHINE}/arm64"]
        for engine in ("podman", "buildah")
    },
}


@pytest.mark.parametrize(("engine", "machines"), BUILDS)
def test_each_engine_builds_for_all_machines(tmp_path: Path, engine: str, machines: str) -> None:
    done = images_sh("build", before=(), ARCH=machines, **_stand_in(tmp_path, engine))

    assert done.returncode == 0, done.stderr
    assert _called(tmp_path) == BUILDS[engine, machines]


_AT = f"{_HERE}/{WEBHOOK}"
PUSHES: dict[tuple[str, str], list[str]] = {
    ("docker", ""): [
        f"docker tag {WEBHOOK}-amd64 {_AT}-amd64", f"docker push {_AT}-amd64",
        f"docker tag {WEBHOOK}-arm64 {_AT}-arm64", f"docker push {_AT}-arm64",
        f"docker buildx imagetools create --tag {_AT} {_AT}-amd64 {_AT}-arm64",
    ],
    **{
        (engine, ""): [
            f"{engine} manifest inspect {WEBHOOK}",
            f"{engine} manifest push --all {WEBHOOK} docker://{_AT}",
        ]
        for engine in ("podman", "buildah")
    },
    **{
        (engine, "arm64"): [f"{engine} tag {WEBHOOK} {_AT}", f"{engine} push {_AT}"]
        for engine in ("docker", "podman", "buildah")
    },
}  # fmt: skip


@pytest.mark.parametrize(("engine", "machines"), PUSHES)
def test_each_engine_pushes_one_name_for_all_machines(
    tmp_path: Path, engine: str, machines: str
) -> None:
    done = images_sh("push", _HERE, before=(), ARCH=machines, **_stand_in(tmp_path, engine))

    assert done.returncode == 0, done.stderr
    assert _called(tmp_path) == PUSHES[engine, machines]


FAILURES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "another machine's programs": (
        f"case $* in *linux/{OTHER}*) exit 1;; esac\n", ("build",),
        (f"images: {WEBHOOK} was not built for {OTHER}: if its programs do not run here (exec "
         "format error), install an emulator (qemu-user-static), or build for this machine alone: "
         f"ARCH={OWN}\n")),
    "its own": (
        f"case $* in *linux/{OWN}*) exit 1;; esac\n", ("build",),
        f"images: {WEBHOOK} was not built\n"),
    "an index for one machine": (
        "", ("push", _HERE),
        (f"images: {WEBHOOK} has nothing for riscv64: build it by make images, "
         "with the same ARCH\n")),
    "no index": (
        'case $* in "manifest inspect"*) exit 1;; esac\n', ("push", _HERE),
        f"images: {WEBHOOK} is no index: build it by make images, with the same ARCH\n"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "arguments", "said"), FAILURES.values(), ids=FAILURES)
def test_what_fails_is_said_with_the_next_step(
    tmp_path: Path, script: str, arguments: tuple[str, ...], said: str
) -> None:
    machines = f"{OWN} riscv64" if "riscv64" in said else f"{OWN} {OTHER}"
    variables = _stand_in(tmp_path, "podman", script)

    done = images_sh(*arguments, before=(), ARCH=machines, **variables)

    assert done.returncode == 2
    assert done.stderr == said
    assert not any(" push " in line for line in _called(tmp_path))
