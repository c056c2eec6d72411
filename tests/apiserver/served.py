"""The real webhook, run on this machine and registered as the chart registers it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.apiserver.api import Api, Json
from tests.chart import rendering
from tests.cluster.settings import NETWORK
from tests.cluster.work import tail, until

NAME = "backup-api"
FULL = f"{NAME}-backup-webhook"
IMAGE = "registry.example.net/backup-sidecar:1"


@dataclass(frozen=True)
class Served:
    """A running webhook: its ports on this machine, its log, and its process."""

    port: int
    watched: int  # where it shows metrics
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where it serves admission."""
        return f"https://{NETWORK.host}:{self.port}"

    def metrics(self) -> str:
        """Return what /metrics shows."""
        url = f"http://{NETWORK.host}:{self.watched}/metrics"
        return httpx.get(url).raise_for_status().text


@contextmanager
def serving(
    api: Api, kubeconfig: Path, folder: Path, *flags: str, values: tuple[str, ...] = ()
) -> Iterator[Served]:
    """Serve, with certificates of its own, until the end of the block; ``values`` of the chart."""
    port, watched = free_port(), free_port()
    registered(api, NAME, port, *values)
    log = folder / "webhook.log"
    command = [
        sys.executable, "-m", "webhook", "serve", "--listen", f"{NETWORK.host}:{port}",
        "--metrics-listen", f"{NETWORK.host}:{watched}", "--cert-mode", "self",
        "--service", FULL, "--namespace", NAME,
        "--ca-secret", f"{FULL}-ca", "--configuration", FULL,
        "--follow", "true", "--image", IMAGE, "--drain-seconds", "0", *flags,
    ]  # fmt: skip
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment
        ) as process,
    ):
        served = Served(port, watched, log, process)
        try:
            until(lambda: _is_ready(served), "the webhook is ready", 120)
            yield served
        finally:
            process.terminate()
            api.delete("MutatingWebhookConfiguration", name=FULL)
            api.delete("Namespace", name=NAME)


def registered(api: Api, namespace: str, port: int, *values: str) -> None:
    """Make the chart's objects that admission needs; the Service leads to this machine."""
    until(lambda: has_namespace(api, namespace), "the namespace is there", 120)
    for kind in ("Secret", "MutatingWebhookConfiguration"):
        for found in rendering.objects(*values, name=NAME):
            if found["kind"] == kind:
                changed = _within(found, namespace)
                api.delete(kind, namespace, changed["metadata"]["name"])
                api.make(changed, namespace)
    service(api, namespace, FULL, port)


def service(api: Api, namespace: str, name: str, port: int) -> None:
    """Make a Service that leads to a port of this machine."""
    ports = [{"name": "https", "port": 443, "targetPort": port}]
    made: list[Json] = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"ports": ports},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [NETWORK.host], "conditions": {"ready": True}}],
            "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
        },
    ]
    for found in made:
        api.delete(found["kind"], namespace, name)
        api.make(found, namespace)


def _within(found: Json, namespace: str) -> Json:
    """Return a webhook configuration whose Service is in ``namespace``."""
    for webhook in found.get("webhooks") or ():
        webhook["clientConfig"]["service"]["namespace"] = namespace
    return found


def has_namespace(api: Api, namespace: str) -> bool:
    """Tell whether a namespace is there; one that is going has to be gone first."""
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    answer = api.create(made)
    if answer.status_code != httpx.codes.CONFLICT:
        return answer.is_success
    # By now it may have gone.
    found = api.client.get(api.path("Namespace", name=namespace))
    return found.is_success and found.json()["status"]["phase"] == "Active"


def _is_ready(served: Served) -> bool:
    if served.process.poll() is not None:
        raise AssertionError(f"the webhook has ended:\n{tail(served.log)}")
    try:
        return httpx.get(f"http://{NETWORK.host}:{served.watched}/readyz").is_success
    except httpx.TransportError:
        return False


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind((NETWORK.host, 0))
        port: int = found.getsockname()[1]
        return port
