"""Configuration as it is read: Secret and annotations as the kubelet lays them out."""

import subprocess
from pathlib import Path

import pytest

from contract.annotations.settings import PAUSED
from runner.cli import load_config
from runner.process import mounts
from tests import needs
from tests.runner.config.workload import SECRET, configured


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

    assert dict(load_config.read_config().repository.environment) == SECRET


def test_a_swapped_secret_is_read_again(secret: Path) -> None:
    """And its time says that it changed."""
    mount(secret, {"RESTIC_PASSWORD": b"old"})
    before = load_config.secret_changed()
    mount(secret, {"RESTIC_PASSWORD": b"new"}, version="..2026_11_23_12_01_00.2")

    assert load_config.read_config().repository.environment["RESTIC_PASSWORD"] == "new"
    assert load_config.secret_changed() >= before > 0


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("password", [b"word", b"two\rlines", b" a ", b"\xfc", b"a\n", b"\tb"])
def test_a_value_is_read_byte_for_byte(secret: Path, password: bytes, end: bytes) -> None:
    """But for the one newline that an editor or `echo` writes after it."""
    mount(secret, {"RESTIC_PASSWORD": password + end})

    read = load_config.read_config().repository.environment["RESTIC_PASSWORD"]
    expected = password[:-1] if password.endswith(b"\n") and not end else password
    assert read.encode("utf-8", "surrogateescape") == expected


def test_a_secret_value_may_be_in_a_file(secret: Path, tmp_path: Path) -> None:
    """As a CSI driver or an agent mounts it."""
    (tmp_path / "key").write_text("AKIA-from-a-file\n")
    mount(secret, {"AWS_SECRET_ACCESS_KEY_FILE": str(tmp_path / "key").encode()})

    read = load_config.read_config()

    assert read.repository.environment["AWS_SECRET_ACCESS_KEY"] == "AKIA-from-a-file"
    assert "AWS_SECRET_ACCESS_KEY_FILE" not in read.repository.environment
    assert "AKIA-from-a-file" not in read.mask("with AKIA-from-a-file")


def test_a_set_value_is_not_read_from_a_file(secret: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("other")
    mount(
        secret, {"B2_ACCOUNT_KEY": b"mine", "B2_ACCOUNT_KEY_FILE": str(tmp_path / "key").encode()}
    )

    assert load_config.read_config().repository.environment["B2_ACCOUNT_KEY"] == "mine"


@pytest.mark.parametrize(
    "key",
    [
        "RESTIC_PASSWORD_FILE", "RESTIC_REPOSITORY_FILE", "COPY_RESTIC_PASSWORD_FILE",
        "RESTIC_FROM_PASSWORD_FILE", "RESTIC_REST_PASSWORD_FILE", "RCLONE_SFTP_KEY_FILE",
        "RCLONE_CONFIG_X_SERVICE_ACCOUNT_FILE", "RCLONE_CONFIG_X_KEY_FILE", "RCLONE_DRIVE_KEY_FILE",
        "COPY_RCLONE_CONFIG_Y_SERVICE_ACCOUNT_FILE", "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "COPY_AWS_SHARED_CREDENTIALS_FILE",
        "AZURE_FEDERATED_TOKEN_FILE", "SSL_CERT_FILE", "KRB5_CONFIG_FILE",
        "MYSQL_TEST_LOGIN_FILE", "APP_TOKEN_FILE", "_FILE",
    ],
)  # fmt: skip
def test_a_file_that_another_program_reads_is_left_to_it(
    secret: Path, tmp_path: Path, key: str
) -> None:
    """Its name belongs to whoever defines it; what stands in it is masked all the same."""
    (tmp_path / "key").write_text("canary-in-a-file-1\n")
    own = {"BACKUP_ENV_PASS": b"KRB5_CONFIG_FILE APP_TOKEN_FILE _FILE"}
    given = {key: str(tmp_path / "key").encode(), "COPY_RESTIC_REPOSITORY": b"/second"}
    mount(secret, own | given)

    read = load_config.read_config()

    second = read.repository.second
    assert second
    ours = {**read.commands.databases, **read.repository.environment}
    passed = {**second.alone, **ours}
    assert passed[key.removeprefix("COPY_")] == str(tmp_path / "key")
    assert "canary-in-a-file-1" not in {*passed.values(), *second.both.values()}
    assert key.removesuffix("_FILE") not in ours
    shown = "canary-in-a-file-1" in read.mask("server said: canary-in-a-file-1")
    assert shown == (key == "SSL_CERT_FILE")
    # What is no certificate is a problem, of which the text is not shown.
    problems = [str(each) for each in read.problems if each.key == key]
    assert bool(problems) == (key == "SSL_CERT_FILE")
    assert "canary" not in "".join(problems)


@pytest.mark.parametrize(
    "key",
    [
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "B2_ACCOUNT_KEY",
        "AZURE_ACCOUNT_KEY", "OS_PASSWORD", "ST_KEY", "PGPASSWORD", "MYSQL_PWD", "REDISCLI_AUTH",
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_documented_variable_may_be_in_a_file(
    secret: Path, tmp_path: Path, key: str, end: str
) -> None:
    """Nobody else defines such a name; blanks in it are part of the value."""
    (tmp_path / "key").write_bytes(f" in a file{end}".encode())
    mount(secret, {f"{key}_FILE": f"{tmp_path}/key\n".encode()})

    read = load_config.read_config()

    passed = {**read.commands.databases, **read.repository.environment}
    assert passed[key] == " in a file"
    assert f"{key}_FILE" not in passed


def test_the_value_of_a_file_variable_is_shown_only_if_it_is_a_path(secret: Path) -> None:
    """Somebody may have put the secret itself there."""
    mount(secret, {"NTFY_CREDS_FILE": b"u:geheim-77", "PGPASSWORD_FILE": b"/nowhere/x"})

    said = " ".join(map(str, load_config.read_config().problems))
    assert "geheim" not in said
    assert "/nowhere/x: No such file" in said


def test_a_file_that_cannot_be_read_is_named(secret: Path, tmp_path: Path) -> None:
    path = tmp_path / "nowhere"
    mount(secret, {"NTFY_CREDS_FILE": str(path).encode()})

    (problem,) = load_config.read_config().problems
    assert str(problem) == (
        f"Secret variable NTFY_CREDS_FILE: {path}: No such file or directory; using none"
    )


def test_an_empty_secret_folder_leaves_the_environment(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Secret is optional, and so is its volume's content."""
    monkeypatch.setenv("RESTIC_PASSWORD", "from-environment")

    assert load_config.read_config().repository.environment["RESTIC_PASSWORD"] == "from-environment"
    secret.rmdir()
    assert load_config.read_config().repository.environment["RESTIC_PASSWORD"] == "from-environment"
    assert load_config.secret_changed() == 0


def test_mounted_files_hide_the_whole_environment(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Key by key nothing is taken from it."""
    monkeypatch.setenv("RESTIC_PASSWORD", "from-environment")
    mount(secret, {"RESTIC_REPOSITORY": b"/srv/repository"})

    read = load_config.read_config().repository.environment
    assert dict(read) == {"RESTIC_REPOSITORY": "/srv/repository"}


def test_annotations_are_read_from_the_downward_volume(secret: Path) -> None:
    """Live, with every write of the kubelet's."""
    pod = secret.parent / "pod"
    mount(pod, {"annotations": b'backup.paused="true"\nbackup.name="x"\n'})

    assert load_config.read_config().settings[PAUSED] is True


def test_without_annotations_the_defaults_apply(secret: Path) -> None:
    """Outside a pod there are none."""
    assert not (secret.parent / "pod").exists()
    assert load_config.read_config().settings[PAUSED] is False


def test_annotations_that_are_not_utf_8_are_no_error(secret: Path) -> None:
    """What is readable is read."""
    mount(secret.parent / "pod", {"annotations": b'a="\xff"\nbackup.paused="true"\n'})

    assert load_config.read_config().settings[PAUSED] is True


def test_folders_to_restore_are_the_volumes_or_the_named_folders(tmp_path: Path) -> None:
    """Whatever RESTIC_SOURCE says: it may be anything."""
    for name in ("pages", "two words"):
        (tmp_path / name).mkdir()
    variables = {"BACKUP_VOLUMES_DIR": str(tmp_path)}
    every = configured(variables, {"RESTIC_SOURCE": "/etc"})
    named = configured({**variables, "BACKUP_VOLUMES": '["pages/not yet there"]'})

    assert mounts.folders(every) == [f"{tmp_path}/pages", f"{tmp_path}/two words"]
    assert mounts.folders(named) == [f"{tmp_path}/pages/not yet there"]


@needs.root.mark
def test_mounted_sub_paths_of_a_volume_are_restored(tmp_path: Path) -> None:
    parts = [tmp_path / "pages" / name for name in ("one part", "other")]
    for part in parts:
        part.mkdir(parents=True)
        subprocess.run(("mount", "-t", "tmpfs", "none", str(part)), check=True)
    try:
        found = mounts.folders(configured({"BACKUP_VOLUMES_DIR": str(tmp_path)}))
    finally:
        for part in parts:
            subprocess.run(("umount", str(part)), check=True)

    assert found == list(map(str, parts))


@needs.root.mark
@pytest.mark.parametrize("read_only", [True, False])
def test_a_volume_with_mounted_sub_paths_is_restored_there(tmp_path: Path, read_only: bool) -> None:
    """In a container whose root is read-only; else it is one folder, whatever is mounted in it."""
    parts = [tmp_path / "pages" / name for name in ("one part", "other")]
    subprocess.run(("mount", "-t", "tmpfs", "none", str(tmp_path)), check=True)
    try:
        for part in parts:
            part.mkdir(parents=True)
            subprocess.run(("mount", "-t", "tmpfs", "none", str(part)), check=True)
        if read_only:
            subprocess.run(("mount", "-o", "remount,ro", str(tmp_path)), check=True)
        found = [mounts.parts(f"{tmp_path}/{each}") for each in
                 ("pages", "pages/other", "pages/other/below", "elsewhere")]  # fmt: skip
    finally:
        subprocess.run(("umount", "--recursive", str(tmp_path)), check=True)

    whole = [str(tmp_path / "pages")]
    assert found[0] == (list(map(str, parts)) if read_only else whole)
    assert found[1:] == [
        [f"{tmp_path}/{each}"] for each in ("pages/other", "pages/other/below", "elsewhere")
    ]
