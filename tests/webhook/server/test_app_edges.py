"""The HTTP edge: probes that refuse, connections that end, and what the log must not hold."""

import logging

import orjson
import pytest
from fastapi import FastAPI

from tests.webhook.admitting import OPTIONS, Json
from tests.webhook.server.http_calls import JSON, application, call, review, verdict
from webhook.server import app
from webhook.server.metrics import Metrics

TYPED = "hunter2 typed-by-mistake"


@pytest.mark.parametrize(
    "target",
    [app.create(OPTIONS, ready=lambda: False), app.observed(Metrics(), lambda: False)],
    ids=["admission", "metrics"],
)
def test_an_unready_server_reports_so_and_is_live(target: FastAPI) -> None:
    refused, alive = call(target, "GET", "/readyz"), call(target, "GET", "/healthz")

    assert (refused.status_code, refused.text) == (503, "not ready\n")
    assert (alive.status_code, alive.text) == (200, "ok\n")


@pytest.mark.parametrize(
    ("body", "headers", "status", "closes"),
    [
        (b"x" * (7 * 1024 * 1024 + 1), JSON, 413, True),
        (b"{", JSON, 400, False),
        (b"{}", {}, 415, False),
    ],
)
def test_only_a_connection_with_an_unread_body_is_closed(
    body: bytes, headers: dict[str, str], status: int, *, closes: bool
) -> None:
    answer = call(application(), body=body, headers=headers)

    assert answer.status_code == status
    assert (answer.headers.get("connection") == "close") is closes


def _unchanged(pod: Json) -> None:
    del pod


def _without_volumes(pod: Json) -> None:
    pod["spec"]["volumes"] = []
    pod["spec"]["containers"][0]["volumeMounts"] = []


def _invalid(pod: Json) -> None:
    pod["metadata"]["annotations"]["backup.enabled"] = TYPED


def _conflicting(pod: Json) -> None:
    pod["spec"]["containers"].append({"name": "backup", "image": TYPED})


CHANGES = {
    "injected": _unchanged, "no_volumes": _without_volumes, "invalid_value": _invalid,
    "name_conflict": _conflicting,
}  # fmt: skip
ANNOTATED = (
    "schedule", "volumes", "excludes", "keep-last", "run-as", "engine", "memory-limit",
    "pre-backup", "nonsense",
)  # fmt: skip


@pytest.mark.parametrize("reason", CHANGES)
def test_the_log_contains_no_annotation_value(
    asked: Json, pod: Json, caplog: pytest.LogCaptureFixture, reason: str
) -> None:
    caplog.set_level(logging.DEBUG)
    pod["metadata"]["annotations"] |= {f"backup.{name}": TYPED for name in ANNOTATED}
    CHANGES[reason](pod)

    answer = verdict(review(application(), asked))

    assert answer["auditAnnotations"]["reason"] == reason
    (logged,) = [record for record in caplog.records if record.name == "webhook"]
    assert vars(logged)["fields"]["reason"] == reason
    assert not [record for record in caplog.records if TYPED in str(vars(record))]


def test_the_log_adds_detail_where_the_reason_is_not_enough(
    asked: Json, pod: Json, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "webhook")
    _without_volumes(pod)

    review(application(), asked)

    (logged,) = [record for record in caplog.records if record.name == "webhook"]
    assert "volume" in vars(logged)["fields"]["why"]


def test_the_log_names_defaulted_settings(
    asked: Json, pod: Json, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "webhook")
    pod["metadata"]["annotations"]["backup.schedule"] = TYPED

    review(application(), asked)

    (logged,) = [record for record in caplog.records if record.name == "webhook"]
    assert [*vars(logged)["fields"]["defaulted"]] == ["backup.schedule"]


@pytest.mark.parametrize(
    ("query", "waited", "late"),
    [
        ("?timeout=10s", 8.9, False), ("?timeout=10s", 9.1, True),
        ("?timeout=2s", 1.7, False), ("?timeout=2s", 1.9, True),
        ("", 8.9, False), ("", 9.1, True),
    ],
)  # fmt: skip
def test_a_body_may_take_nine_tenths_of_the_timeout(
    asked: Json, monkeypatch: pytest.MonkeyPatch, query: str, waited: float, *, late: bool
) -> None:
    """The way there and back takes the rest."""
    passed = iter([0.0])
    monkeypatch.setattr(app, "perf_counter", lambda: next(passed, waited))

    answer = call(application(), path=f"/mutate{query}", body=orjson.dumps(asked))

    reason = verdict(answer)["auditAnnotations"]["reason"]
    assert reason == ("deadline" if late else "injected")
