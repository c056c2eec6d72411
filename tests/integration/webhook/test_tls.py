"""The real server over real TLS: what an API server, and a confused one, gets from it."""

import json
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import orjson
import pytest

from demo import app, server
from demo.server import Webhook

_JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    with server.running(tmp_path_factory.mktemp("webhook"), "--cluster", "home") as running:
        yield running


def test_annotated_pod_is_patched(webhook: Webhook) -> None:
    response, patched = webhook.review(app.pod(), "prod")

    assert response["allowed"] is True
    assert response["patchType"] == "JSONPatch"
    assert response["auditAnnotations"] == {"reason": "injected"}
    assert "warnings" not in response
    assert patched["spec"]["initContainers"][-1]["name"] == "backup"


def test_patched_pod_stays_unchanged(webhook: Webhook) -> None:
    _, patched = webhook.review(app.pod(), "prod")

    response, again = webhook.review(patched, "prod")

    assert response["auditAnnotations"] == {"reason": "already_injected"}
    assert "patch" not in response
    assert "patchType" not in response
    assert again == patched


def test_unannotated_pod_stays_unchanged(webhook: Webhook) -> None:
    pod = app.pod()
    del pod["metadata"]["annotations"]

    response, patched = webhook.review(pod, "prod")

    assert set(response) == {"uid", "allowed", "auditAnnotations"}
    assert patched == pod


def test_client_that_does_not_trust_the_ca_fails(webhook: Webhook) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(
            f"https://127.0.0.1:{webhook.port}/healthz",
            verify=ssl.create_default_context(), timeout=60,
        )  # fmt: skip


def test_plain_http_gets_no_response(webhook: Webhook) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{webhook.port}/healthz", timeout=60)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_respond(webhook: Webhook, path: str) -> None:
    assert webhook.client.get(path).text == "ok\n"


def test_20_mb_body_is_refused_in_one_line_and_the_connection_stays_open(webhook: Webhook) -> None:
    answer = webhook.client.post("/mutate", content=b"[" * 20_000_000, headers=_JSON)

    assert answer.status_code == 413
    assert answer.text.count("\n") == 1
    assert "larger than" in answer.json()["message"]
    assert webhook.client.get("/healthz").is_success


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": null}',
         "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
    ],
)  # fmt: skip
def test_body_that_is_no_review_gets_one_json_line(
    webhook: Webhook, body: bytes, content_type: str, status: int
) -> None:
    answer = webhook.client.post("/mutate", content=body, headers={"Content-Type": content_type})

    assert answer.status_code == status
    assert answer.text.count("\n") == 1
    assert answer.json()["kind"] == "Status"
    assert "Traceback" not in answer.text


def test_truncated_body_does_not_stop_the_server(webhook: Webhook) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", webhook.port)) as plain,
        context.wrap_socket(plain) as connection,
    ):
        connection.sendall(
            b"POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )

    assert webhook.client.get("/healthz").is_success
    assert "Traceback" not in webhook.log.read_text()


def test_many_concurrent_requests_get_the_same_response(webhook: Webhook) -> None:
    pod = app.pod()
    with ThreadPoolExecutor(8) as pool:
        patched = [
            result for _, result in pool.map(lambda _: webhook.review(pod, "prod"), range(200))
        ]

    assert len({orjson.dumps(pod) for pod in patched}) == 1


def test_log_is_json_and_names_the_decision(webhook: Webhook) -> None:
    webhook.review(app.pod(), "prod")

    lines = [json.loads(line) for line in webhook.log.read_text().splitlines()]
    decision = [line for line in lines if line["message"] == "admission"][-1]
    assert (decision["namespace"], decision["reason"]) == ("prod", "injected")


def test_decisions_are_counted(webhook: Webhook) -> None:
    webhook.review(app.pod(), "prod")

    text = webhook.metrics()
    counted = 'admissions_total{namespace="prod",reason="injected"}'
    [line] = [li for li in text.splitlines() if counted in li]
    assert float(line.split()[-1]) >= 1


def test_sigterm_shuts_the_server_down_cleanly(tmp_path: Path) -> None:
    with server.running(tmp_path) as running:
        assert running.client.get("/healthz").is_success

    assert "Traceback" not in running.log.read_text()
