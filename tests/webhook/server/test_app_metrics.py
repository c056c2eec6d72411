"""What the application counts and logs, read by the parser of Prometheus' own client."""

import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.webhook.admitting import Json
from tests.webhook.server.http_calls import application, call, review, scraped
from webhook.server.metrics import Metrics


def _samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    return {
        (sample.name.removeprefix("backup_webhook_"), ",".join(sample.labels.values())): (
            sample.value
        )
        for family in text_string_to_metric_families(scraped(metrics))
        for sample in family.samples
    }


def test_namespaces_beyond_the_bound_share_one_series(asked: Json) -> None:
    metrics = Metrics()
    target = application(metrics)
    for number in range(1100):
        review(target, {**asked, "request": {**asked["request"], "namespace": f"n{number}"}})

    found = _samples(metrics)

    counted = {key[1]: value for key, value in found.items() if key[0] == "admissions_total"}
    assert len(counted) == 1001
    assert counted["n0,injected"] == 1
    assert counted["_others,injected"] == 100


def test_admissions_refusals_and_invalid_settings_are_counted(asked: Json, pod: Json) -> None:
    metrics = Metrics()
    target = application(metrics)
    pod["metadata"]["annotations"] |= {"backup.schedule": "x", "backup.keep-last": "y"}
    review(target, asked)
    review(target, asked)
    review(target, {**asked, "request": {**asked["request"], "operation": "UPDATE"}})
    call(target, body=b"{")
    call(target, body=b"{}", headers={})

    found = _samples(metrics)

    counted = {
        key: value
        for key, value in found.items()
        if value and not key[0].startswith(("duration", "body"))
    }
    assert {key: value for key, value in counted.items() if "created" not in key[0]} == {
        ("admissions_total", "prod,injected"): 2,
        ("admissions_total", "prod,not_a_pod_create"): 1,
        ("refused_calls_total", "400"): 1,
        ("refused_calls_total", "415"): 1,
        ("defaulted_settings_total", "backup.schedule"): 2,
        ("defaulted_settings_total", "backup.keep-last"): 2,
    }
    assert found["duration_seconds_count", ""] == 3
    assert 0 < found["duration_seconds_sum", ""] < 60
    assert found["body_bytes_count", ""] == 3
    assert found["body_bytes_sum", ""] > 3 * 1024
    assert found["in_flight", ""] == 0


def test_two_applications_count_separately(asked: Json) -> None:
    review(application(), asked)

    found = _samples(Metrics())

    assert ("admissions_total", "prod,injected") not in found


def test_only_a_decision_is_logged_and_only_once(
    asked: Json, pod: Json, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "webhook")
    metrics = Metrics()
    target = application(metrics)
    review(target, asked)
    pod["metadata"]["annotations"] = {}
    review(target, asked)

    (record,) = [record for record in caplog.records if record.name == "webhook"]
    assert vars(record)["fields"] == {
        "uid": asked["request"]["uid"],
        "namespace": "prod",
        "pod": "wiki-6d4cf56db6-",
        "reason": "injected",
    }
