"""A server of ntfy, as its users run one; it would make attachments of messages too long."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.ports import free_port
from tests.services import server
from tests.services.programs import need

_CONFIG = """\
base-url: http://{address}
listen-http: {address}
cache-file: {folder}/cache.db
attachment-cache-dir: {folder}/ntfy-attachments
web-root: disable
visitor-request-limit-burst: 100000
visitor-message-daily-limit: 100000
"""


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve on a free port of loopback; give HOST:PORT. It keeps everything in the folder.

    Raises WorkError where it does not start.
    """
    program, port = need("ntfy"), free_port()
    address = f"127.0.0.1:{port}"
    config = folder / "server.yml"
    config.write_text(_CONFIG.format(address=address, folder=folder))
    argv = (program, "serve", "--config", config)
    with server.running("ntfy", argv, port, folder / "ntfy.log"):
        yield address


def messages(address: str, topic: str) -> list[dict[str, Any]]:
    """Return what was sent to a topic, the oldest first."""
    url = f"http://{address}/{topic}/json?poll=1&since=all"
    with urllib.request.urlopen(url, timeout=60) as answer:
        return [json.loads(line) for line in answer.read().splitlines()]
