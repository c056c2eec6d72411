"""An S3 server that pods can reach: rclone's, over a folder of this machine."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import build
from tests.cluster.work import WorkError, tail, until


@dataclass(frozen=True)
class S3:
    """A running server: `url` is http://ADDRESS:PORT, each folder in `folder` a bucket."""

    url: str
    key: str
    secret: str
    folder: Path

    def repository(self, bucket: str, path: str = "") -> str:
        """Return restic's name of a repository here, such as s3:http://…/bucket/path."""
        return f"s3:{self.url}/{bucket}/{path}".rstrip("/")

    def make_bucket(self, name: str) -> None:
        """Make a bucket. Asked of the server: a folder that comes to be it sees much later."""
        access = f"access_key_id={self.key},secret_access_key={self.secret}"
        remote = f":s3,provider=Rclone,endpoint='{self.url}',{access}:{name}"
        config = f"--config={self.folder.parent}/rclone.conf"
        subprocess.run([build.rclone(), "mkdir", remote, config], check=True, capture_output=True)


@contextmanager
def serve(host: str, folder: Path) -> Iterator[S3]:
    """Run the server on an address of this machine, on a free port, over `folder/buckets`.

    It writes folder/s3.log. Raises WorkError where it does not start.
    """
    with socket.create_server((host, 0)) as listener:
        port = listener.getsockname()[1]
    s3 = S3(f"http://{host}:{port}", "test-key", "test-secret", folder / "buckets")
    s3.folder.mkdir(parents=True)
    log = folder / "s3.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                build.rclone(),
                "serve",
                "s3",
                s3.folder,
                "--addr",
                f"{host}:{port}",
                "--auth-key",
                f"{s3.key},{s3.secret}",
                "--config",
                folder / "rclone.conf",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def answers() -> bool:
        if process.poll() is not None:
            raise WorkError(f"the S3 server has ended:\n{tail(log)}")
        with socket.socket() as client:
            return client.connect_ex((host, port)) == 0

    try:
        until(answers, "the S3 server listens", 20)
        yield s3
    finally:
        process.terminate()
        process.wait(20)
