"""A MariaDB on a free port of loopback."""

import getpass
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.ports import free_port
from tests.cluster.work import until
from tests.services import programs

USER = "keeper"
PASSWORD = 'ge"heim \\genug'


class MariaDB:
    """A server that runs; USER with PASSWORD may do everything."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.data = folder
        self.port = str(free_port())
        root = programs.need("mariadb").parent.parent
        common = (f"--basedir={root}", f"--datadir={folder}", f"--user={getpass.getuser()}")
        # A socket's path has at most 107 characters, and pytest's folders may be deeper than that.
        self._room = TemporaryDirectory(prefix="mariadb-", dir="/var/tmp")
        self._do(
            str(programs.beside("mariadb", "mariadb-install-db")), "--no-defaults", *common,
            "--auth-root-authentication-method=normal", "--skip-test-db",
            "--innodb-log-file-size=8M", "--innodb-flush-method=nosync",
        )  # fmt: skip
        first = folder.parent / f"{folder.name}.sql"
        quoted = PASSWORD.replace("\\", "\\\\")
        first.write_text(
            f"CREATE USER IF NOT EXISTS {USER}@'127.0.0.1' IDENTIFIED BY '{quoted}';\n"
            f"GRANT ALL ON *.* TO {USER}@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        with (folder.parent / f"{folder.name}.log").open("wb") as log:
            self._process = subprocess.Popen(
                (
                    programs.need("mariadb"), "--no-defaults", *common, f"--port={self.port}",
                    "--bind-address=127.0.0.1", f"--socket={self._room.name}/s",
                    "--skip-name-resolve", f"--lc-messages-dir={root}/share/mysql",
                    f"--init-file={first}", f"--pid-file={folder}/pid", "--innodb-log-file-size=8M",
                    "--innodb-flush-method=nosync", *options,
                ),
                env=self.variables, stdout=log, stderr=log,
            )  # fmt: skip
        until(lambda: self._client("-e", "SELECT 1").returncode == 0, "MariaDB answers", 120)

    @property
    def variables(self) -> Mapping[str, str]:
        """What a client needs to log in, beside host, port and user."""
        return {
            **programs.environment("mariadb"), "PATH": os.environ["PATH"], "MYSQL_PWD": PASSWORD,
            "MYSQL_TCP_PORT": self.port, "MYSQL_HOST": "127.0.0.1",
        }  # fmt: skip

    def ask(self, text: str) -> str:
        """Return what the server answers to SQL, one row a line."""
        done = self._client("-e", text)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def stop(self) -> None:
        """Kill the server: nobody wants its files any more."""
        self._process.kill()
        self._process.wait(30)
        self._room.cleanup()

    def _client(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (programs.beside("mariadb", "mariadb"), "--no-defaults", "-BN", "-u", USER,
             "-h", "127.0.0.1", *words),
            env=self.variables, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def _do(self, *argv: str) -> None:
        done = subprocess.run(
            argv, env=self.variables, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def serve(folder: Path, *options: str) -> Iterator[MariaDB]:
    """Give a new, empty server whose data directory is ``folder``."""
    server = MariaDB(folder, *options)
    try:
        yield server
    finally:
        server.stop()
