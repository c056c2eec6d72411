"""One server of others at a time, on a port of loopback, with an end."""

import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.work import WorkError, tail, until


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
