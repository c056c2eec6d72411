"""failurePolicy Ignore: whatever becomes of the webhook, pods are admitted in time, and counted."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from demo import app
from tests.alerts import rules
from tests.apiserver import other
from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.other import Answer, Handler, Other
from tests.apiserver.served import FULL, NAME, has_namespace
from tests.chart import rendering
from tests.cluster.work import until
from tests.services import prometheus
from tests.services.prometheus import Prometheus

ENABLED = {"backup.enabled": "true"}
TIMEOUT = 5  # seconds, of the chart
_OF_WEBHOOKS = "apiserver_admission_webhook"


@pytest.fixture(scope="module")
def failing(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Other]:
    """A webhook that fails as it is told, in the place of ours, registered by the chart."""
    until(lambda: has_namespace(api, NAME), "the namespace is there", 120)
    (found,) = rendering.of_kind("MutatingWebhookConfiguration")
    found = {
        **found,
        "metadata": {"name": "backup-failing"},
        "webhooks": [dict(found["webhooks"][0])],
    }
    with other.another(api, FULL, tmp_path_factory.mktemp("failing")) as running:
        found["webhooks"][0]["clientConfig"] = {
            "caBundle": running.bundle,
            "service": {"name": FULL, "namespace": NAME, "path": "/mutate"},
        }
        api.make(found)
        yield running
        api.delete("MutatingWebhookConfiguration", name="backup-failing")
        api.delete("Namespace", name=NAME)


@pytest.fixture(scope="module")
def namespace(api: Api, failing: Other, namespaces: Namespaces) -> str:
    """A namespace that has opted in, and in which the webhook is called."""
    name = namespaces(labels=ENABLED)
    until(lambda: _is_called(api, failing, name), "the webhook is called", 60)
    return name


def _is_called(api: Api, failing: Other, namespace: str) -> bool:
    before = failing.seen
    api.create(_pod(), namespace, dry_run=True)
    return failing.seen > before


def _pod() -> Json:
    pod: Json = app.pod()
    for key in ("namespace", "ownerReferences"):
        pod["metadata"].pop(key, None)
    return pod


def _hangs(handler: Handler, review: Json) -> None:
    del review
    time.sleep(6 * TIMEOUT)  # the fault itself
    handler.close_connection = True


def _dies_within_its_answer(handler: Handler, review: Json) -> None:
    del review
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    handler.wfile.flush()
    handler.connection.close()


def _says(body: bytes, status: int = 200) -> Answer:
    def answer(handler: Handler, review: Json) -> None:
        del review
        handler.send(body, status)

    return answer


def _answers_another(handler: Handler, review: Json) -> None:
    response = {"uid": "another", "allowed": True}
    handler.send(json.dumps({**review, "request": None, "response": response}).encode())


FAULTS: dict[str, Answer] = {
    "hangs": _hangs,
    "dies-within-its-answer": _dies_within_its_answer,
    "says-garbage": _says(b"\x00garbage"),
    "says-nothing": _says(b""),
    "raises": _says(b'{"kind":"Status"}', 500),
    "refuses-the-call": _says(b"no", 415),
    "answers-another-request": _answers_another,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_pod_is_admitted_within_the_timeout_when_the_webhook(
    api: Api, failing: Other, namespace: str, fault: str
) -> None:
    failing.answers(FAULTS[fault])
    before, seen = _failed_open(api), failing.seen

    _is_admitted_in_time(api, namespace)

    assert failing.seen > seen
    assert _failed_open(api) == before + 1


def test_alerts_fire_on_metrics_of_the_api_server(
    api: Api, failing: Other, namespace: str, tmp_path: Path
) -> None:
    """By these names and labels: of webhooks that fail, and that are slow."""
    failing.answers(FAULTS["raises"])
    _is_admitted_in_time(api, namespace)  # and so there is a number that can grow
    with _watched(api, tmp_path) as watching:
        until(lambda: (watching.value("sum_over_time(up[1m])") or 0) > 2, "it is seen", 120)
        assert watching.alerts() == []

        _is_admitted_in_time(api, namespace)
        until(lambda: _fires(watching, "BackupWebhookFailingOpen"), "it fires", 120)

        failing.answers(FAULTS["hangs"])
        _is_admitted_in_time(api, namespace)
        until(lambda: _fires(watching, "BackupWebhookSlow"), "it fires", 120)


def test_alert_fires_on_pods_denied_without_a_response(
    api: Api, failing: Other, namespace: str, tmp_path: Path
) -> None:
    (found,) = [c for c in api.get("MutatingWebhookConfiguration")["items"]
                if c["metadata"]["name"] == "backup-failing"]  # fmt: skip
    strict = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "backup-strict"},
        "webhooks": [{**found["webhooks"][0], "failurePolicy": "Fail"}],
    }
    failing.answers(FAULTS["raises"])
    api.make(strict)
    try:
        until(lambda: api.create(_pod(), namespace, dry_run=True).is_error, "it is refused", 60)
        with _watched(api, tmp_path) as watching:
            name = found["webhooks"][0]["name"]
            query = f'apiserver_admission_webhook_rejection_count{{name="{name}"}}'
            grown = f"increase({query}[1m]) > 0"
            until(lambda: bool(watching.query(query)), "it is seen", 120)
            refused = api.create(_pod(), namespace, dry_run=True)
            until(lambda: bool(watching.query(grown)), "it is counted", 120)
            counted = watching.query(grown)
            until(lambda: _fires(watching, "BackupWebhookFailingOpen"), "it fires", 120)
    finally:
        api.delete("MutatingWebhookConfiguration", name="backup-strict")

    assert refused.is_error
    assert {each["metric"]["error_type"] for each in counted} == {"calling_webhook_error"}


def test_pod_is_admitted_when_the_certificate_is_not_the_trusted_one(
    api: Api, namespace: str, tmp_path: Path
) -> None:
    before = _failed_open(api)
    with other.another(api, FULL, tmp_path) as stranger:
        until(lambda: _failed_open_after(api, namespace) > before, "it is called", 60)
        _is_admitted_in_time(api, namespace)
        assert stranger.seen == 0
    assert _failed_open(api) > before


def test_pod_is_admitted_when_the_port_is_closed(api: Api, namespace: str) -> None:
    before = _failed_open(api)

    _is_admitted_in_time(api, namespace)

    assert _failed_open(api) == before + 1


@contextmanager
def _watched(api: Api, folder: Path) -> Iterator[Prometheus]:
    """Let a Prometheus that has our alerts, without their patience, look at the API server."""

    class Shown(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = api.client.get("/metrics").raise_for_status().text
            lines = [line for line in text.splitlines(keepends=True) if _OF_WEBHOOKS in line]
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            with suppress(BrokenPipeError):  # of a Prometheus that ends
                self.wfile.write("".join(lines).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shown)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    targets = {"apiserver": f"127.0.0.1:{server.server_port}"}
    hasty = rules.hasty(folder / "rules.yaml")
    try:
        with prometheus.serve(folder, targets, hasty, "127.0.0.1:9") as watching:
            yield watching
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _fires(watching: Prometheus, alert: str) -> bool:
    return alert in {each["alertname"] for each in watching.alerts()}


def _failed_open_after(api: Api, namespace: str) -> float:
    _is_admitted_in_time(api, namespace)
    return _failed_open(api)


def _is_admitted_in_time(api: Api, namespace: str) -> None:
    began = time.monotonic()
    answer = api.create(_pod(), namespace, dry_run=True)
    took = time.monotonic() - began

    assert answer.is_success, answer.text
    assert "initContainers" not in answer.json()["spec"]
    assert took < 2 * TIMEOUT, "what it would be by default"


def _failed_open(api: Api) -> float:
    """Return how often the API server has admitted a pod without an answer, as it counts."""
    lines = api.client.get("/metrics").raise_for_status().text.splitlines()
    return sum(
        float(line.split()[-1])
        for line in lines
        if line.startswith("apiserver_admission_webhook_fail_open_count") and "sidecar" in line
    )
