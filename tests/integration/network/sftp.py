"""A pod's Secret and its volume, for `sftp:` repositories on a server of the tests."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo import app
from tests.integration.sidecars import Sidecar
from tests.services import sshd
from tests.services.sshd import Sshd


@contextmanager
def reachable() -> Iterator[Path]:
    """Give a folder that every user reaches: pytest closes its own when another session starts."""
    with tempfile.TemporaryDirectory(prefix="sftp-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@contextmanager
def serving(folder: Path) -> Iterator[Sshd]:
    """Run a server whose user may write into folder/store."""
    (folder / "store").mkdir()
    (folder / "store").chmod(0o777)
    with sshd.serve(folder) as running:
        yield running


def secret(server: Sshd, store: Path, **more: str) -> dict[str, str]:
    """Return what the Secret of a pod holds."""
    given = {
        "RESTIC_REPOSITORY": f"sftp://{server.user}@127.0.0.1:{server.port}/{store}/r",
        "SFTP_KEY": server.key, "SFTP_KNOWN_HOSTS": server.known_hosts,
    }  # fmt: skip
    return given | more


def filled(root: Path, given: dict[str, str]) -> Sidecar:
    """Return a sidecar whose volume has files."""
    sidecar = Sidecar(root, secret=given)
    app.write_files(sidecar.volume)
    return sidecar
