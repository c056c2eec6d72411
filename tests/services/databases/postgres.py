"""A PostgreSQL on a free port, of which nothing is left behind."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from demo.ports import free_port
from tests.cluster.settings import CACHE
from tests.cluster.work import until
from tests.services import programs
from tests.services.certificates import Certificates

PASSWORD = "geheim-genug"
_NOBODY = 65534
_CACHED = CACHE / "services" / "postgres"


class Postgres:
    """A server that runs; ``data`` is its data directory.

    ``volume``: a folder that others can enter, which is to hold that directory.
    """

    def __init__(
        self, room: Path, host: str, volume: Path | None = None, options: Sequence[str] = ()
    ) -> None:
        self._options = options
        self.room, self.data, self.host = room, volume or room / "data", host
        self.port = str(free_port(host))
        self._user = None if os.geteuid() else _NOBODY  # it refuses to run as root
        password = room / "password"
        password.write_text(PASSWORD)
        if self._user:
            self.data.mkdir(parents=True, exist_ok=True)
            for each in (room, password, self.data):
                shutil.chown(each, self._user, self._user)
        self._run(
            "initdb", "-D", str(self.data), "-U", "postgres", "-A", "scram-sha-256",
            f"--pwfile={password}", "--no-sync", "-E", "UTF8", "--locale=C",
        )  # fmt: skip
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all all scram-sha-256\n")
        self._process = self._start()
        until(self._answers, "PostgreSQL answers", 120)

    def ask(self, text: str, database: str = "postgres") -> str:
        """Return what the server answers to SQL, one row a line."""
        done = self._psql("-d", database, "-c", text)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextmanager
    def asking(self, text: str, database: str) -> Iterator[None]:
        """Keep a session open that waits for what it asked, or sleeps."""
        argv = (programs.beside("postgres", "psql"), "-XAtq", "-d", database, "-c", text)
        with subprocess.Popen(argv, env=self.variables, stderr=subprocess.DEVNULL) as process:
            try:
                yield
            finally:
                process.kill()

    @property
    def variables(self) -> Mapping[str, str]:
        """What a client needs to log in."""
        return {
            **programs.environment("postgres"), "PATH": os.environ["PATH"], "PGHOST": self.host,
            "PGPORT": self.port, "PGUSER": "postgres", "PGPASSWORD": PASSWORD,
        }  # fmt: skip

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server; SIGQUIT ends it as a crash does."""
        self._process.send_signal(how)
        self._process.wait(120)

    def start(self) -> None:
        """Start the server that was stopped again, on the same port."""
        self._process = self._start()
        until(self._answers, "PostgreSQL answers", 120)

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.room / "log").open("ab") as log:
            return subprocess.Popen(
                (
                    _program("postgres"), "-D", self.data, "-p", self.port, "-k", "",
                    "-c", f"listen_addresses={self.host}", "-c", "fsync=off",
                    "-c", "autovacuum=off",  # it locks tables, and replaces files, when it likes
                    *self._options,
                ),
                stdout=log, stderr=log, **self._other(),
            )  # fmt: skip

    def _answers(self) -> bool:
        return self._psql("-d", "postgres", "-c", "SELECT 1").returncode == 0

    def _psql(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (programs.beside("postgres", "psql"), "-XAtqw", "-v", "ON_ERROR_STOP=1", *words),
            env=self.variables, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            (_program(program), *words), capture_output=True, timeout=120, check=False,
            **self._other(),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def _other(self) -> dict[str, Any]:
        """Return how the server's own programs are started: as a user who may run them."""
        found = programs.environment("postgres")
        moved = {key: text.replace(str(_CACHED), str(_tree())) for key, text in found.items()}
        variables = {**moved, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        groups: list[int] | None = [] if self._user else None
        return {
            "env": variables, "user": self._user, "group": self._user, "extra_groups": groups,
            "cwd": self.room,
        }  # fmt: skip


@contextmanager
def serve(
    host: str = "127.0.0.1", volume: Path | None = None, certificates: Certificates | None = None
) -> Iterator[Postgres]:
    """Give a new, empty server, whose superuser is postgres with PASSWORD."""
    programs.need("postgres")
    with room() as own:
        server = Postgres(own, host, volume, _tls(own, certificates) if certificates else ())
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)


def _tls(folder: Path, certificates: Certificates) -> list[str]:
    options = []
    for name, text in (
        ("cert", certificates.server), ("key", certificates.server_key), ("ca", certificates.ca),
    ):  # fmt: skip
        file = folder / f"tls-{name}"
        file.write_text(text)
        file.chmod(0o600)
        if not os.geteuid():
            shutil.chown(file, _NOBODY, _NOBODY)
        options += ["-c", f"ssl_{name}_file={file}"]
    return ["-c", "ssl=on", *options]


@contextmanager
def room() -> Iterator[Path]:
    """Give a folder that the server's user can enter, unlike a test's own."""
    with tempfile.TemporaryDirectory(prefix="postgres-", dir="/var/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def _program(name: str) -> Path:
    found = programs.beside("postgres", name)
    return _tree() / found.relative_to(_CACHED) if found.is_relative_to(_CACHED) else found


@cache
def _tree() -> Path:
    """Return the unpacked packages, or a copy of them where root's own cache would hide them."""
    if os.geteuid() or not programs.need("postgres").is_relative_to(_CACHED):
        return _CACHED
    room = tempfile.TemporaryDirectory(prefix="postgres-", dir="/var/tmp")
    _COPIES.append(room)
    folder = Path(room.name)
    folder.chmod(0o755)
    shutil.copytree(_CACHED, folder / "tree", symlinks=True)
    return folder / "tree"


_COPIES: list[tempfile.TemporaryDirectory[str]] = []  # removed when the interpreter ends
