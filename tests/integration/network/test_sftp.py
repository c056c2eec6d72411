"""`sftp:` repositories on a real OpenSSH server, without an ssh client, as any user."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import needs
from tests.integration.network.sftp import filled, reachable, secret, serving
from tests.integration.sidecars import Sidecar, other_user
from tests.services import sshd
from tests.services.sshd import Sshd

NOBODYS = 12_345  # a uid without an entry in /etc/passwd


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that the server's user reaches."""
    with reachable() as folder:
        yield folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    """A server whose user may write into tmp_path/store."""
    with serving(tmp_path) as running:
        yield running


@pytest.mark.parametrize("user", [None, NOBODYS], ids=["own", "nobody's"])
def test_backup_drill_and_restore_work_over_sftp(
    tmp_path: Path, server: Sshd, user: int | None
) -> None:
    """With no program named ssh in reach."""
    if user:
        needs.root()
    sidecar = filled(tmp_path, secret(server, tmp_path / "store"))
    tools = other_user(tmp_path)
    sidecar._extra = {**sidecar._extra, "PATH": f"{tmp_path}/tools:{_without_ssh(tmp_path)}"}
    del tools
    if user:
        for path in (sidecar.root, *sidecar.root.rglob("*")):
            os.chown(path, user, user, follow_symlinks=False)

    for words in (("run",), ("verify",), ("check",)):
        done = sidecar.run("backup-runner", *words, user=user)
        assert done.returncode == 0, done.stdout + done.stderr
    target = sidecar.root / "restored"
    done = sidecar.run("backup-runner", "restore", "--to", str(target), user=user)

    assert done.returncode == 0, done.stdout + done.stderr
    for path in sidecar.volume.rglob("*"):
        if path.is_file():
            assert any(each.read_bytes() == path.read_bytes() for each in target.rglob(path.name))
    # The format on the server is restic's own.
    sidecar.repository = tmp_path / "store/r"
    assert len(sidecar.snapshots()) == 1


def _without_ssh(tmp_path: Path) -> Path:
    """Return a folder with what the runner's commands need of /usr/bin and /bin, but ssh."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for place in (Path("/bin"), Path("/usr/bin")):
        for program in place.iterdir():
            if "ssh" not in program.name and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    return folder


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("lines", "sftp://{user}@127.0.0.1:{port}/{store}/ü: r"),
        ("CRLF", "sftp://{user}@[127.0.0.1]:{port}/{store}/./r"),
        ("one line", "sftp://{user}@127.0.0.1:{port}/{store}/r"),
        ("a path", "sftp://{user}@127.0.0.1:{port}/{store}//r"),
        ("no last newline", "sftp://{user}@127.0.0.1:{port}/{store}/r"),
    ],
)
def test_each_spelling_of_the_address_works(
    tmp_path: Path, server: Sshd, address: str, key: str
) -> None:
    file = tmp_path / "key"
    file.write_text(server.key)
    file.chmod(0o444)  # OpenSSH would refuse it
    spelt = {
        "lines": server.key, "CRLF": server.key.replace("\n", "\r\n"), "a path": str(file),
        "one line": server.key.replace("\n", "\\n"), "no last newline": server.key.strip(),
    }[key]  # fmt: skip
    repository = address.format(user=server.user, port=server.port, store=tmp_path / "store")
    given = secret(server, tmp_path / "store", SFTP_KEY=spelt, RESTIC_REPOSITORY=repository)
    sidecar = filled(tmp_path, given)

    assert sidecar.run("backup-runner", "restic", "init").returncode == 0

    assert (tmp_path / "store" / address.rpartition("/")[2] / "config").exists()


@pytest.mark.parametrize("missing", ["SFTP_KNOWN_HOSTS", "SFTP_KEY"])
def test_missing_sftp_keys_are_named(tmp_path: Path, server: Sshd, missing: str) -> None:
    """And no server is asked, let alone believed."""
    given = secret(server, tmp_path / "store")
    del given[missing]
    sidecar = filled(tmp_path, given)

    ended = sidecar.back_up(1)

    assert (ended["class"], missing in ended["message"]) == ("config", True)
    assert list((tmp_path / "store").iterdir()) == []


@pytest.mark.parametrize("hosts", ["hashed", "pattern", "several", "a path"])
def test_known_hosts_are_matched_as_by_openssh(tmp_path: Path, server: Sshd, hosts: str) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"{server.known_hosts}\n")
    if hosts == "hashed":
        sshd.hash_hosts(file)
        assert "127.0.0.1" not in file.read_text()
    line = {
        "hashed": file.read_text(), "a path": str(file),
        "pattern": f"[127.0.0.*]:{server.port} {server.host_key}",
        "several": f"# ours\n\nother.example {server.host_key}\n{server.known_hosts}\n\n",
    }[hosts]  # fmt: skip
    sidecar = filled(tmp_path, secret(server, tmp_path / "store", SFTP_KNOWN_HOSTS=line))

    assert sidecar.run("backup-runner", "restic", "init").returncode == 0


def test_copies_go_to_another_server(sidecar: Sidecar, tmp_path: Path, server: Sshd) -> None:
    """From a local repository, with a key of the copy's own."""
    given = secret(server, tmp_path / "store")
    copy = {f"COPY_{key}": text for key, text in given.items()}
    copy["COPY_RESTIC_PASSWORD"] = "the copy's"
    sidecar.change_secret(**copy)

    sidecar.back_up()

    assert (tmp_path / "store/r/config").exists()
    assert len(list((tmp_path / "store/r/snapshots").iterdir())) == 1


def test_a_copy_without_known_hosts_trusts_no_server(
    sidecar: Sidecar, tmp_path: Path, server: Sshd
) -> None:
    given = secret(server, tmp_path / "store")
    del given["SFTP_KNOWN_HOSTS"]
    sidecar.change_secret(**{f"COPY_{key}": text for key, text in given.items()})

    done = sidecar.run("backup-runner", "run")

    assert "COPY_SFTP_KNOWN_HOSTS is not set" in done.stdout
    assert list((tmp_path / "store").iterdir()) == []
