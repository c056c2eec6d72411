"""A REST server of repositories: rclone's, over a folder of this machine."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import build
from tests.cluster.work import WorkError, tail, until


@contextmanager
def serve(folder: Path, *options: str, tls: bool = False) -> Iterator[str]:
    """Serve the repositories in a folder on a free port of loopback; give http://HOST:PORT.

    ``options`` are more of rclone's. It writes folder/rest.log. Raises WorkError where it does not
    start.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    log = folder / "rest.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            (
                build.rclone(), "serve", "restic", folder, "--addr", f"127.0.0.1:{port}",
                # Tests look at the folder, and change it, behind its back.
                "--cache-objects=false", "--config", folder / "rclone.conf", *options,
            ),
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def answers() -> bool:
        if process.poll() is not None:
            raise WorkError(f"the REST server has ended:\n{tail(log)}")
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(answers, "the REST server listens", 20)
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
