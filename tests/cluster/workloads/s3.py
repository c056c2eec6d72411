"""An S3 server that pods can reach: rclone's, over a folder of this machine."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.secret import plaintext
from demo.ports import free_port
from tests.cluster.programs import build
from tests.cluster.work import WorkError, tail, until

UNENCRYPTED = f"Secret variable RESTIC_REPOSITORY: sends signatures of its keys {plaintext.WHY}"
"""What each sidecar says of it."""


class S3:
    """A server on an address of this machine: `url` is http://ADDRESS:PORT, each folder in
    `folder` a bucket. It writes s3.log beside that."""

    key, secret = "test-key", "test-secret"

    def __init__(self, host: str, folder: Path) -> None:
        self._address = (host, free_port(host))
        self.url = f"http://{host}:{self._address[1]}"
        self.folder = folder / "buckets"
        self.folder.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None

    def repository(self, bucket: str, path: str = "") -> str:
        """Return restic's name of a repository here, such as s3:http://…/bucket/path."""
        return f"s3:{self.url}/{bucket}/{path}".rstrip("/")

    def make_bucket(self, name: str) -> None:
        """Make a bucket. Asked of the server: a folder that comes to be it sees much later."""
        access = f"access_key_id={self.key},secret_access_key={self.secret}"
        remote = f":s3,provider=Rclone,endpoint='{self.url}',{access}:{name}"
        config = f"--config={self.folder.parent}/rclone.conf"
        subprocess.run([build.rclone(), "mkdir", remote, config], check=True, capture_output=True)

    def start(self) -> None:
        """Start it, again on the same port. Raises WorkError where it does not start."""
        host, port = self._address
        log = self.folder.parent / "s3.log"
        with log.open("ab") as output:
            self._process = process = subprocess.Popen(
                [
                    build.rclone(), "serve", "s3", self.folder, "--addr", f"{host}:{port}",
                    "--auth-key", f"{self.key},{self.secret}",
                    "--config", self.folder.parent / "rclone.conf",
                ],
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

        def answers() -> bool:
            if process.poll() is not None:
                raise WorkError(f"the S3 server has ended:\n{tail(log)}")
            with socket.socket() as client:
                return client.connect_ex(self._address) == 0

        until(answers, "the S3 server listens", 120)

    def stop(self) -> None:
        """Stop it: whoever asks is refused."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)


@contextmanager
def serve(host: str, folder: Path) -> Iterator[S3]:
    """Run a server on a free port. Raises WorkError where it does not start."""
    s3 = S3(host, folder)
    try:
        s3.start()
        yield s3
    finally:
        s3.stop()
