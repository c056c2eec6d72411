"""One server of others at a time, on a port of loopback, with an end."""

import atexit
import secrets
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.work import WorkError, tail, until

_FIRST, _PORTS = 20_000, 10_000
"""Below those that the kernel gives to whoever connects somewhere, and those of NodePorts."""


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port where nobody listens, and which no other test that runs now is given."""
    while True:
        port = _FIRST + secrets.randbelow(_PORTS)
        claim = socket.socket(type=socket.SOCK_DGRAM)  # servers here listen to streams
        try:
            claim.bind((host, port))
            socket.create_server((host, port)).close()
        except OSError:
            claim.close()
            continue
        atexit.register(claim.close)  # held until this process ends: a server may take its time
        return port


@contextmanager
def running(name: str, argv: Sequence[str | Path], port: int, log: Path) -> Iterator[None]:
    """Run a server until the end of the block; it listens when the block begins.

    Its output goes to the file ``log``. Raises WorkError where it does not start.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT)
    try:
        until(_listens(name, process, port, log), f"{name} listens", 120)
        yield
    finally:
        process.terminate()
        process.wait(60)


def _listens(
    name: str, process: subprocess.Popen[bytes], port: int, log: Path
) -> Callable[[], bool]:
    def listens() -> bool:
        if process.poll() is not None:
            raise WorkError(f"{name} has ended:\n{tail(log)}")
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    return listens
