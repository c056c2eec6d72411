"""What is read from the surroundings: Secret and annotations as the kubelet lays them out."""

import os
import subprocess
from pathlib import Path

import pytest

from contract.settings import PAUSED
from runner import inputs
from tests.runner.workload import SECRET, configured


def mount(folder: Path, files: dict[str, bytes], version: str = "..2026_11_23_12_00_00.1") -> None:
    """Lay files out as the kubelet does: links through ``..data`` to a folder that is swapped."""
    (folder / version).mkdir(parents=True)
    for name, content in files.items():
        (folder / version / name).write_bytes(content)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(version)
    (folder / "..data_tmp").rename(folder / "..data")


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Secret's volume, empty."""
    folder = tmp_path / "secret"
    folder.mkdir()
    monkeypatch.setenv("BACKUP_SECRET_DIR", str(folder))
    monkeypatch.setenv("BACKUP_ANNOTATIONS_FILE", str(tmp_path / "pod" / "annotations"))
    return folder


def test_a_mounted_secret_is_read_by_its_files(secret: Path) -> None:
    """The kubelet's own entries are no variables."""
    mount(secret, {key: value.encode() for key, value in SECRET.items()})

    assert dict(inputs.read_config().restic) == SECRET


def test_a_swapped_secret_is_read_anew(secret: Path) -> None:
    """And its time says that it changed."""
    mount(secret, {"RESTIC_PASSWORD": b"old"})
    before = inputs.secret_changed()
    mount(secret, {"RESTIC_PASSWORD": b"new"}, version="..2026_11_23_12_01_00.2")

    assert inputs.read_config().restic["RESTIC_PASSWORD"] == "new"
    assert inputs.secret_changed() >= before > 0


@pytest.mark.parametrize("password", [b"word\n", b"word\r\n", b"two\rlines", b" a ", b"\xfc"])
def test_a_value_is_read_byte_for_byte(secret: Path, password: bytes) -> None:
    """As a variable of the container would hold it: the repository was created with that."""
    mount(secret, {"RESTIC_PASSWORD": password})

    read = inputs.read_config().restic["RESTIC_PASSWORD"]
    assert read.encode("utf-8", "surrogateescape") == password


def test_a_secret_value_may_stand_in_a_file(secret: Path, tmp_path: Path) -> None:
    """As a CSI driver or an agent mounts it."""
    (tmp_path / "key").write_text("AKIA-from-a-file\n")
    mount(secret, {"AWS_SECRET_ACCESS_KEY_FILE": str(tmp_path / "key").encode()})

    read = inputs.read_config()

    assert read.restic["AWS_SECRET_ACCESS_KEY"] == "AKIA-from-a-file"
    assert "AWS_SECRET_ACCESS_KEY_FILE" not in read.restic
    assert "AKIA-from-a-file" in read.masked


def test_a_value_that_is_given_is_not_read_from_a_file(secret: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("other")
    mount(
        secret, {"B2_ACCOUNT_KEY": b"mine", "B2_ACCOUNT_KEY_FILE": str(tmp_path / "key").encode()}
    )

    assert inputs.read_config().restic["B2_ACCOUNT_KEY"] == "mine"


@pytest.mark.parametrize(
    "key", ["RESTIC_PASSWORD_FILE", "AWS_SHARED_CREDENTIALS_FILE", "COPY_RESTIC_PASSWORD_FILE"]
)
def test_files_that_restic_reads_itself_are_left_to_it(
    secret: Path, tmp_path: Path, key: str
) -> None:
    (tmp_path / "key").write_text("canary-in-a-file")
    given = {key: str(tmp_path / "key").encode(), "COPY_RESTIC_REPOSITORY": b"/second"}
    mount(secret, given)

    read = inputs.read_config()

    assert read.second
    assert {**read.second.alone, **read.restic}[key.removeprefix("COPY_")] == str(tmp_path / "key")
    assert "canary-in-a-file" not in {*read.restic.values(), *read.second.both.values()}


def test_a_file_that_cannot_be_read_is_named(secret: Path, tmp_path: Path) -> None:
    path = tmp_path / "nowhere"
    mount(secret, {"NTFY_CREDS_FILE": str(path).encode()})

    (problem,) = inputs.read_config().problems
    assert str(problem) == (
        f"Secret variable NTFY_CREDS_FILE: {path}: No such file or directory; using none"
    )


def test_an_empty_secret_folder_leaves_the_environment(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Secret is optional, and so is its volume's content."""
    monkeypatch.setenv("RESTIC_PASSWORD", "from-environment")

    assert inputs.read_config().restic["RESTIC_PASSWORD"] == "from-environment"
    secret.rmdir()
    assert inputs.read_config().restic["RESTIC_PASSWORD"] == "from-environment"
    assert inputs.secret_changed() == 0


def test_files_hide_the_environment_whole(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Key by key nothing is taken from it."""
    monkeypatch.setenv("RESTIC_PASSWORD", "from-environment")
    mount(secret, {"RESTIC_REPOSITORY": b"/srv/repository"})

    assert dict(inputs.read_config().restic) == {"RESTIC_REPOSITORY": "/srv/repository"}


def test_annotations_are_read_from_the_downward_volume(secret: Path) -> None:
    """Live, with every write of the kubelet's."""
    pod = secret.parent / "pod"
    mount(pod, {"annotations": b'backup.paused="true"\nbackup.name="x"\n'})

    assert inputs.read_config().settings[PAUSED] is True


def test_without_annotations_the_defaults_hold(secret: Path) -> None:
    """Outside a pod there are none."""
    assert not (secret.parent / "pod").exists()
    assert inputs.read_config().settings[PAUSED] is False


def test_annotations_that_are_no_text_break_nothing(secret: Path) -> None:
    """What is readable is read."""
    mount(secret.parent / "pod", {"annotations": b'a="\xff"\nbackup.paused="true"\n'})

    assert inputs.read_config().settings[PAUSED] is True


def test_folders_to_fill_are_the_volumes_or_what_was_named(tmp_path: Path) -> None:
    """Whatever RESTIC_SOURCE says: it may be anything."""
    for name in ("pages", "two words"):
        (tmp_path / name).mkdir()
    variables = {"BACKUP_VOLUMES_DIR": str(tmp_path)}
    every = configured(variables, {"RESTIC_SOURCE": "/etc"})
    named = configured({**variables, "BACKUP_VOLUMES": '["pages/not yet there"]'})

    assert inputs.folders(every) == [f"{tmp_path}/pages", f"{tmp_path}/two words"]
    assert inputs.folders(named) == [f"{tmp_path}/pages/not yet there"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_where_parts_of_a_volume_are_mounted_these_are_filled(tmp_path: Path) -> None:
    parts = [tmp_path / "pages" / name for name in ("one part", "other")]
    for part in parts:
        part.mkdir(parents=True)
        subprocess.run(("mount", "-t", "tmpfs", "none", str(part)), check=True)
    try:
        found = inputs.folders(configured({"BACKUP_VOLUMES_DIR": str(tmp_path)}))
    finally:
        for part in parts:
            subprocess.run(("umount", str(part)), check=True)

    assert found == list(map(str, parts))
