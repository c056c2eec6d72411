"""What the images do where nothing is writable but what they are given."""

import json
import re
from pathlib import Path

import pytest
import yaml

from contract import names
from demo import app, trees
from tests.cluster.work import until
from tests.contract.secret.hostile import HOSTILE
from tests.images.container import output, run, running
from tests.images.image import Image
from tests.images.pod import Pod
from tests.integration.sidecars import contents

_VERBOSE = {"PYTHONVERBOSE": "1"}
_LOADED = re.compile(r"^# code object from '(.+\.pyc)'$", re.MULTILINE)
_COMPILED = re.compile(r"^# code object from (/.+\.py)$", re.MULTILINE)


@pytest.fixture
def pod(tmp_path: Path, sidecar: Image) -> Pod:
    """An injected pod with a filled volume, whose container runs as the image's own user."""
    return Pod(tmp_path, sidecar)


def test_backup_runs_with_read_only_root_and_no_capabilities(sidecar: Image, pod: Pod) -> None:
    assert pod.security["readOnlyRootFilesystem"]
    assert pod.security["capabilities"] == {"drop": ["ALL"]}
    before = trees.capture(pod.volume)

    backup = run(sidecar, "backup-runner", "run", mounts=pod.mounts, variables=pod.variables)
    assert backup.returncode == 0, backup.stdout + backup.stderr
    lines = map(json.loads, backup.stdout.splitlines())
    assert [line["status"] for line in lines if "status" in line] == ["success"]

    restore = ("restic", "restore", "--no-cache", "latest:/backup/data", "--target", "/restored")
    done = run(sidecar, "backup-runner", *restore, mounts=pod.mounts, variables=pod.variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(trees.capture(pod.restored)) == contents(before)


def test_test_containers_have_no_capability_and_no_writable_folder(sidecar: Image) -> None:
    status = output(sidecar, "cat", "/proc/self/status")
    assert re.findall(r"^Cap\w+:\s+(\w+)$", status, re.MULTILINE) == ["0" * 16] * 5
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    for folder in ("/", "/opt/backup", "/tmp", "/var/lib"):  # noqa: S108 -- none can be written to
        assert "Read-only file system" in run(sidecar, "touch", f"{folder}/new").stderr


def test_supervisor_ends_at_once_when_the_pod_stops(sidecar: Image, pod: Pod) -> None:
    with running(sidecar, pod.mounts, pod.variables) as container:
        until((pod.state / "next").exists, "the first tick has ended", 60)
        container.terminate()
        said, _ = container.communicate(timeout=20)

    assert container.returncode == 0, said


def test_no_key_of_the_secret_prevents_the_container_from_starting(
    sidecar: Image, pod: Pod
) -> None:
    """As runc sees it: the command is there whatever a key is called, and the first tick ends."""
    hostile = {f"{names.SECRET_PREFIX}{key}": text for key, text in HOSTILE.items()}
    assert pod.command == sidecar.config["Entrypoint"] == [names.COMMAND]

    with running(sidecar, pod.mounts, {**hostile, **pod.variables}) as container:
        until((pod.state / "next").exists, "the first tick has ended", 60)
        container.terminate()
        said, _ = container.communicate(timeout=20)

    assert container.returncode == 0, said
    assert "/evil" not in said


def test_webhook_injects_into_a_manifest(webhook: Image) -> None:
    done = run(webhook, "backup-webhook", "inject", "-f", "-", stdin=app.MANIFEST.read_text())

    assert done.returncode == 0, done.stderr
    deployment = next(d for d in yaml.safe_load_all(done.stdout) if d["kind"] == "Deployment")
    assert deployment["spec"]["template"]["spec"]["initContainers"][-1]["name"] == "backup"


def test_python_compiles_nothing_in_the_sidecar(sidecar: Image, pod: Pod) -> None:
    variables = pod.variables | _VERBOSE
    done = run(sidecar, "backup-runner", "run", mounts=pod.mounts, variables=variables)

    assert done.returncode == 0, done.stderr[-2000:]
    assert any("/runner/" in path for path in _LOADED.findall(done.stderr))
    assert not _COMPILED.findall(done.stderr)


def test_python_compiles_nothing_in_the_webhook(webhook: Image) -> None:
    done = run(webhook, "python3", "-c", "import webhook.server.process", variables=_VERBOSE)

    assert done.returncode == 0, done.stderr[-2000:]
    assert any("/webhook/" in path for path in _LOADED.findall(done.stderr))
    assert not _COMPILED.findall(done.stderr)
