"""A Redis on a free port of loopback."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from demo.ports import free_port
from tests.cluster.work import until
from tests.services import programs
from tests.services.certificates import Certificates

PASSWORD = "geheim-genug"


class Redis:
    """A server that runs, and keeps what it holds in ``folder``."""

    def __init__(self, folder: Path, certificates: Certificates | None = None) -> None:
        self.port = str(free_port())
        folder.mkdir(exist_ok=True)
        listens: tuple[str, ...] = ("--port", self.port)
        self._tls: tuple[str, ...] = ()
        if certificates:
            files = certificates.write(folder)
            listens = (
                "--port", "0", "--tls-port", self.port, "--tls-auth-clients", "optional",
                "--tls-cert-file", files["server"], "--tls-key-file", files["server_key"],
                "--tls-ca-cert-file", files["ca"],
            )  # fmt: skip
            self._tls = ("--tls", "--cacert", files["ca"])
        self._process = subprocess.Popen(
            (
                programs.need("redis"), *listens, "--bind", "127.0.0.1", "--dir", folder,
                "--requirepass", PASSWORD, "--save", "", "--enable-debug-command", "local",
            ),
            env=self.variables, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda: self.ask("PING") == "PONG", "Redis answers", 120)

    @property
    def variables(self) -> Mapping[str, str]:
        """What a client needs to log in, beside the port."""
        own = programs.environment("redis")
        return {**own, "PATH": os.environ["PATH"], "REDISCLI_AUTH": PASSWORD}

    def ask(self, *words: str) -> str:
        """Return what the server answers to a command."""
        done = subprocess.run(
            (programs.beside("redis", "redis-cli"), "-p", self.port, *self._tls, *words),
            env=self.variables, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout.strip()

    def stop(self) -> None:
        """Kill the server."""
        self._process.kill()
        self._process.wait(20)


@contextmanager
def serve(folder: Path, certificates: Certificates | None = None) -> Iterator[Redis]:
    """Give a server that holds what is in ``folder``: nothing, or what its dump.rdb does.

    With ``certificates`` it speaks TLS, and nothing else.
    """
    server = Redis(folder, certificates)
    try:
        yield server
    finally:
        server.stop()
