"""An SSH server for files alone, on loopback: OpenSSH's, for one user and one key."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.ports import free_port
from tests.services import programs, server


@dataclass(frozen=True)
class Sshd:
    """``key`` is the private key that logs in as ``user``, ``host_key`` the server's public one."""

    port: int
    user: str
    key: str
    host_key: str

    @property
    def known_hosts(self) -> str:
        """A line that vouches for the server."""
        return f"[127.0.0.1]:{self.port} {self.host_key}"


def key(path: Path, *options: str) -> str:
    """Make a key pair at a path; return the private one."""
    _keygen("-q", "-t", "ed25519", "-N", "", "-C", "", *options, "-f", str(path))
    return path.read_text()


def hash_hosts(file: Path) -> None:
    """Hide the names in a file of known hosts, as OpenSSH's HashKnownHosts does."""
    _keygen("-H", "-f", str(file))


def _keygen(*words: str) -> None:
    beside = programs.need("sshd").parents[1] / "bin/ssh-keygen"
    program = beside if beside.exists() else "ssh-keygen"
    environment = {**os.environ, **programs.environment("sshd")}
    subprocess.run((program, *words), check=True, capture_output=True, env=environment)


@contextmanager
def serve(folder: Path) -> Iterator[Sshd]:
    """Serve files on a free port of loopback; it writes below folder/sshd, sshd.log is there.

    It runs as an unprivileged user, who may write where everybody may: root's would want a folder
    and a user of the machine's own.
    """
    own, port = folder / "sshd", free_port()
    own.mkdir(mode=0o755)
    program, variables = _program(own)
    root = os.geteuid() == 0
    user = pwd.getpwnam("nobody") if root else pwd.getpwuid(os.getuid())
    login, _ = key(own / "login"), key(own / "host")
    (own / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {own}/host\nAuthorizedKeysFile {own}/login.pub\n"
        "UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nStrictModes no\n"
        f"Subsystem sftp internal-sftp\nForceCommand internal-sftp\nPidFile none\n"
    )
    for name in ("login", "login.pub", "host", "host.pub", "config"):
        os.chown(own / name, user.pw_uid, user.pw_gid)
    words: tuple[str | Path, ...] = (program, "-D", "-e", "-f", own / "config")
    if root:
        # Here, not on the machine: no password, yet an account that is not locked.
        (own / "shadow").write_text(f"{user.pw_name}:x:20000:0:99999:7:::\n")
        words = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/shadow && exec "$@"',
                 own / "shadow", "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
                 "--clear-groups", *words)  # fmt: skip
    with server.running("sshd", ("env", *variables, *words), port, folder / "sshd.log"):
        host = (own / "host.pub").read_text().strip()
        yield Sshd(port, user.pw_name, login, host)


def _program(folder: Path) -> tuple[Path, list[str]]:
    """Return the server and its variables; unpacked, it is copied out of root's own cache."""
    program = programs.need("sshd")
    places = programs.environment("sshd").get("LD_LIBRARY_PATH", "").split(":")
    if places == [""]:
        return program, []
    copies = [shutil.copytree(place, folder / f"lib{n}", symlinks=True)
              for n, place in enumerate(places)]  # fmt: skip
    libraries = ":".join(map(str, copies))
    return Path(shutil.copy(program, folder / "program")), [f"LD_LIBRARY_PATH={libraries}"]
