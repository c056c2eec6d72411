"""A REST server of repositories: rclone's, over a folder of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.ports import free_port
from tests.cluster.programs import build
from tests.services import server


@contextmanager
def serve(folder: Path, *options: str, tls: bool = False) -> Iterator[str]:
    """Serve the repositories in a folder on a free port of loopback; give http://HOST:PORT.

    ``options`` are more of rclone's. It writes folder/rest.log. Raises WorkError where it does not
    start.
    """
    port = free_port()
    argv: tuple[str | Path, ...] = (
        build.rclone(), "serve", "restic", folder, "--addr", f"127.0.0.1:{port}",
        # Tests look at the folder, and change it, behind its back.
        "--cache-objects=false", "--config", folder / "rclone.conf", *options,
    )  # fmt: skip
    with server.running("the REST server", argv, port, folder / "rest.log"):
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}"
