"""Which reviews are of a pod that is being created, and what the metrics say of certificates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from prometheus_client import generate_latest

from certs.keeper import Status
from webhook.server import review
from webhook.server.metrics import Metrics


def _parsed(**request: Any) -> review.Request:  # noqa: ANN401 -- any JSON
    usual = {
        "uid": "1", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE",
        "namespace": "prod", "object": {"kind": "Pod"},
    }  # fmt: skip
    body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {**usual, **request}}  # fmt: skip
    return review.parse(orjson.dumps(body))


@pytest.mark.parametrize(
    ("request_", "creates"),
    [
        ({}, True),
        ({"subResource": ""}, True),
        ({"subResource": "eviction"}, False),
        ({"operation": "UPDATE"}, False),
        ({"kind": {"group": "metrics.k8s.io", "kind": "Pod"}}, False),
        ({"kind": {"group": "", "kind": "Node"}}, False),
        ({"object": None}, False),
    ],
)
def test_only_the_creation_of_a_pod_itself_is_a_request(
    request_: dict[str, Any], *, creates: bool
) -> None:
    assert _parsed(**request_).creates_pod is creates


@pytest.mark.parametrize(
    ("given", "dry"),
    [
        ({}, False),
        ({"dryRun": True}, True),
        ({"dryRun": False}, False),
        ({"dryRun": None}, False),
    ],
)
def test_a_request_is_a_dry_run_only_if_marked(given: dict[str, Any], *, dry: bool) -> None:
    assert _parsed(**given).dry_run is dry


def test_every_response_allows_the_pod_with_or_without_a_patch() -> None:
    for operations in ([], [{"op": "add", "path": "/x", "value": 1}]):
        answer = orjson.loads(review.allow(_parsed(), operations, (), "injected"))
        assert answer["response"]["allowed"] is True


@pytest.mark.parametrize(("in_sync", "shown"), [(None, "-1.0"), (True, "1.0"), (False, "0.0")])
def test_an_external_ca_bundle_has_no_sync_state(shown: str, *, in_sync: bool | None) -> None:
    metrics = Metrics()
    now = datetime(2026, 11, 23, tzinfo=UTC)
    metrics.certificates(lambda: Status(now, now, in_sync, "", timedelta(hours=1)))

    text = generate_latest(metrics.registry).decode()

    assert f"\nbackup_webhook_ca_bundle_in_sync {shown}\n" in text
    assert "\nbackup_webhook_certificate_lifetime_seconds 3600.0\n" in text
