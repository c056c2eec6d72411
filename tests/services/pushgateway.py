"""A real Pushgateway that keeps nothing when it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.ports import free_port
from tests.services import server
from tests.services.programs import need


@contextmanager
def serve(folder: Path, port: int = 0) -> Iterator[str]:
    """Serve on a port of loopback (0: a free one) to the end of the block; give http://HOST:PORT.

    It writes folder/pushgateway.log. Raises WorkError where it does not start.
    """
    port = port or free_port()
    argv = (
        need("pushgateway"), f"--web.listen-address=127.0.0.1:{port}", "--web.enable-admin-api",
    )  # fmt: skip
    with server.running("Pushgateway", argv, port, folder / "pushgateway.log"):
        yield f"http://127.0.0.1:{port}"
