"""failurePolicy Ignore: whatever becomes of the webhook, pods are admitted in time, and counted."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import app
from tests.apiserver import other
from tests.apiserver.api import Api, Json
from tests.apiserver.conftest import Namespaces
from tests.apiserver.other import Answer, Handler, Other
from tests.apiserver.served import FULL, NAME, has_namespace
from tests.chart import rendering
from tests.cluster.work import until

ENABLED = {"backup.enabled": "true"}
TIMEOUT = 5  # seconds, of the chart


@pytest.fixture(scope="module")
def failing(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Other]:
    """A webhook that fails as it is told, in the place of ours, registered by the chart."""
    until(lambda: has_namespace(api, NAME), "the namespace is there", 60)
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
    until(lambda: _is_called(api, failing, name), "the webhook is called", 30)
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
    time.sleep(TIMEOUT + 3)  # the fault itself
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


def test_pod_is_admitted_when_the_certificate_is_not_the_trusted_one(
    api: Api, namespace: str, tmp_path: Path
) -> None:
    before = _failed_open(api)
    with other.another(api, FULL, tmp_path) as stranger:
        until(lambda: _failed_open_after(api, namespace) > before, "it is called", 30)
        _is_admitted_in_time(api, namespace)
        assert stranger.seen == 0
    assert _failed_open(api) > before


def test_pod_is_admitted_when_nobody_listens(api: Api, namespace: str) -> None:
    before = _failed_open(api)

    _is_admitted_in_time(api, namespace)

    assert _failed_open(api) == before + 1


def test_api_server_measures_what_the_alerts_look_at(
    api: Api, failing: Other, namespace: str
) -> None:
    """By these names and labels. What it refuses is counted only where the policy is Fail."""
    failing.answers(FAULTS["raises"])
    _is_admitted_in_time(api, namespace)
    text = api.client.get("/metrics").raise_for_status().text

    named = 'name="sidecar.backup-webhook.io"'
    begins = [line.partition("{")[0] for line in text.splitlines() if named in line]
    assert "apiserver_admission_webhook_fail_open_count" in begins
    assert "apiserver_admission_webhook_admission_duration_seconds_bucket" in begins


def _failed_open_after(api: Api, namespace: str) -> float:
    _is_admitted_in_time(api, namespace)
    return _failed_open(api)


def _is_admitted_in_time(api: Api, namespace: str) -> None:
    began = time.monotonic()
    answer = api.create(_pod(), namespace, dry_run=True)
    took = time.monotonic() - began

    assert answer.is_success, answer.text
    assert "initContainers" not in answer.json()["spec"]
    assert took < TIMEOUT + 1


def _failed_open(api: Api) -> float:
    """Return how often the API server has admitted a pod without an answer, as it counts."""
    lines = api.client.get("/metrics").raise_for_status().text.splitlines()
    return sum(
        float(line.split()[-1])
        for line in lines
        if line.startswith("apiserver_admission_webhook_fail_open_count") and "sidecar" in line
    )
