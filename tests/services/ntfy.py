"""A server of ntfy, as its users run one."""

import json
import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.work import WorkError, tail, until
from tests.services.programs import need


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve on a free port of loopback; give HOST:PORT. It keeps everything in the folder.

    Raises WorkError where it does not start.
    """
    program = need("ntfy")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    (folder / "server.yml").write_text("{}\n")
    log = folder / "ntfy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            (
                program, "serve", "--config", folder / "server.yml", "--listen-http", address,
                "--base-url", f"http://{address}", "--cache-file", folder / "cache.db",
            ),
            stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "HOME": str(folder)},
        )  # fmt: skip

    def answers() -> bool:
        if process.poll() is not None:
            raise WorkError(f"ntfy has ended:\n{tail(log)}")
        host, _, port = address.partition(":")
        with socket.socket() as client:
            return client.connect_ex((host, int(port))) == 0

    try:
        until(answers, "ntfy listens", 20)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def messages(address: str, topic: str) -> list[dict[str, Any]]:
    """Return what was sent to a topic, the oldest first."""
    url = f"http://{address}/{topic}/json?poll=1&since=all"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return [json.loads(line) for line in answer.read().splitlines()]
