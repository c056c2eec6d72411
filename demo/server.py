"""The real webhook on loopback, with a certificate of a throw-away CA, and a client."""

import base64
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonpatch
import orjson
import trustme

from demo.ports import free_port

Json = dict[str, Any]

_NAME = "backup-webhook.backup.svc"  # what the API server would call it by
_PATIENCE = 60.0  # seconds for an answer, of which a busy machine may need many


class Webhook:
    """A running webhook, asked as an API server asks."""

    def __init__(self, client: httpx.Client, port: int, watched: int, log: Path, pid: int) -> None:
        self.client = client
        self.port = port
        self.watched = watched
        self.log = log
        self.pid = pid

    def metrics(self) -> str:
        """Return what /metrics shows, on the port for it."""
        url = f"http://127.0.0.1:{self.watched}/metrics"
        return httpx.get(url, timeout=_PATIENCE).raise_for_status().text

    def review(self, pod: Json, namespace: str) -> tuple[Json, Json]:
        """Send the admission review of a pod's creation; return the answer and the patched pod."""
        review = {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "7d0dbc24-6d1c-4b56-9a24-6f3d4f3c9f0e",
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "operation": "CREATE",
                "namespace": namespace,
                "object": pod,
            },
        }
        answer = self.client.post(
            "/mutate?timeout=30s",
            content=orjson.dumps(review),
            headers={"Content-Type": "application/json"},
        )
        response: Json = answer.raise_for_status().json()["response"]
        operations = orjson.loads(base64.b64decode(response.get("patch", "")) or b"[]")
        return response, jsonpatch.apply_patch(pod, operations)


@contextmanager
def running(
    folder: Path, *flags: str, certificate: trustme.LeafCert | None = None
) -> Iterator[Webhook]:
    """Serve on a free port of loopback until the end of the block.

    ``certificate`` is what the client shows.
    """
    authority = trustme.CA()
    own = authority.issue_cert(_NAME, "127.0.0.1")
    chain, key = folder / "tls.crt", folder / "tls.key"
    chain.write_bytes(b"".join(blob.bytes() for blob in own.cert_chain_pems))
    key.write_bytes(own.private_key_pem.bytes())
    port, watched = free_port(), free_port()
    command = [
        sys.executable, "-m", "webhook", "serve", "--listen", f"127.0.0.1:{port}",
        "--metrics-listen", f"127.0.0.1:{watched}",
        "--service", "backup-webhook", "--namespace", "backup", "--drain-seconds", "0",
        "--tls-cert", str(chain), "--tls-key", str(key), *flags,
    ]  # fmt: skip
    log = folder / "webhook.log"
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if certificate:
        certificate.configure_cert(context)
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=_clean()) as process,
        httpx.Client(
            base_url=f"https://127.0.0.1:{port}", verify=context, timeout=_PATIENCE
        ) as client,
    ):
        try:
            _await_ready(client, process, log)
            yield Webhook(client, port, watched, log, process.pid)
        finally:
            process.terminate()


def _clean() -> dict[str, str]:
    return {key: text for key, text in os.environ.items() if not key.startswith("BACKUP_")}


def _await_ready(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            if client.get("/readyz").is_success:
                return
        except httpx.ConnectError:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
    raise RuntimeError(f"the webhook did not start:\n{log.read_text()}")
