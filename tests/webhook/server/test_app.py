"""The HTTP edge: what is answered to reviews, good and bad, and that nothing else is there."""

import base64
import json

import orjson
import pytest
from fastapi import FastAPI

from tests.webhook.admitting import OPTIONS, Json
from tests.webhook.server.http_calls import application, call, refusal, review, verdict
from webhook.admission.model import NamespaceContext
from webhook.admission.pod_spec import Owner
from webhook.server import app
from webhook.server.metrics import Metrics


def test_a_pod_is_patched(asked: Json) -> None:
    response = verdict(review(application(), asked))

    assert response["uid"] == asked["request"]["uid"]
    assert response["auditAnnotations"] == {"reason": "injected"}
    assert response["patchType"] == "JSONPatch"
    assert orjson.loads(base64.b64decode(response["patch"]))[0]["op"] == "add"


@pytest.mark.parametrize("version", ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"])
def test_the_response_has_the_version_of_the_request(asked: Json, version: str) -> None:
    asked["apiVersion"] = version

    answer = review(application(), asked)

    assert verdict(answer)["auditAnnotations"] == {"reason": "injected"}
    assert answer.json()["apiVersion"] == version


@pytest.mark.parametrize(
    "changes",
    [
        {"operation": "UPDATE"},
        {"operation": "DELETE", "object": None},
        {"operation": "CONNECT"},
        {"operation": "SOMETHING_NEW"},
        {"operation": "create"},
        {"operation": None},
        {"operation": 7},
        {"object": None},
        {"operation": "UPDATE", "subResource": "ephemeralcontainers"},
        {"subResource": "ephemeralcontainers"},
        {"subResource": "binding"},
        {"kind": {"group": "", "version": "v1", "kind": "ConfigMap"}},
        {"kind": {"group": "apps", "version": "v1", "kind": "Deployment"}},
        {"kind": {"group": "metrics.k8s.io", "version": "v1", "kind": "Pod"}},
        {"kind": None},
        {"kind": {}},
        {"kind": {"group": 1, "kind": ["Pod"]}},
    ],
    ids=json.dumps,
)
def test_anything_but_a_pod_creation_is_admitted_unchanged(asked: Json, changes: Json) -> None:
    asked["request"] |= changes

    response = verdict(review(application(), asked))

    assert response == {
        "uid": asked["request"]["uid"],
        "allowed": True,
        "auditAnnotations": {"reason": "not_a_pod_create"},
    }


@pytest.mark.parametrize("group", ["", None])
def test_an_empty_group_is_the_core_group(asked: Json, group: str | None) -> None:
    asked["request"]["kind"]["group"] = group

    assert verdict(review(application(), asked))["auditAnnotations"] == {"reason": "injected"}


def test_a_request_without_an_object_is_admitted_unchanged(asked: Json) -> None:
    del asked["request"]["object"]

    assert verdict(review(application(), asked))["auditAnnotations"]["reason"] == "not_a_pod_create"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"not json",
        b'{"kind": NaN}',
        b"[]",
        b"null",
        b"7",
        b'"AdmissionReview"',
        b"{}",
        b"\xff\xfe\x00",
        b'{"kind":"AdmissionReview\xc3"}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_that_is_no_review_is_refused_in_one_line(body: bytes) -> None:
    answer = call(application(), body=body)

    assert answer.status_code == 400
    refusal(answer)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "Pod"),
        ("kind", None),
        ("kind", ["AdmissionReview"]),
        ("apiVersion", "admission.k8s.io/v2"),
        ("apiVersion", "v1"),
        ("apiVersion", None),
        ("apiVersion", 1),
        ("apiVersion", ["admission.k8s.io/v1"]),
        ("apiVersion", {}),
        ("request", None),
        ("request", []),
        ("request", "x"),
    ],
)
def test_a_malformed_review_is_refused_in_one_line(asked: Json, key: str, value: object) -> None:
    answer = review(application(), {**asked, key: value})

    assert answer.status_code == 400
    assert key in refusal(answer)["message"] or "AdmissionReview" in refusal(answer)["message"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("uid", None),
        ("uid", ""),
        ("uid", 7),
        ("uid", ["x"]),
        ("object", []),
        ("object", [{}]),
        ("object", "x"),
        ("object", 7),
        ("object", True),
        ("kind", []),
        ("kind", "Pod"),
        ("kind", 7),
    ],
)
def test_a_malformed_request_is_refused_in_one_line(asked: Json, key: str, value: object) -> None:
    asked["request"][key] = value

    answer = review(application(), asked)

    assert answer.status_code == 400
    assert f"request.{key}" in refusal(answer)["message"]


def test_a_request_without_a_uid_is_refused_in_one_line(asked: Json) -> None:
    del asked["request"]["uid"]

    assert "request.uid" in refusal(review(application(), asked))["message"]


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"],
)
def test_json_is_accepted_however_it_is_spelt(asked: Json, content_type: str) -> None:
    headers = {"Content-Type": content_type}

    verdict(call(application(), body=orjson.dumps(asked), headers=headers))


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/yaml", "application/jsonp", "json", "", ";", None]
)
def test_any_other_content_type_is_refused_in_one_line(
    asked: Json, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}

    answer = call(application(), body=orjson.dumps(asked), headers=headers)

    assert answer.status_code == 415
    assert "application/json" in refusal(answer)["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/mutate", 405),
        ("PUT", "/mutate", 405),
        ("POST", "/healthz", 405),
        ("GET", "/", 404),
        ("POST", "/mutate/x", 404),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
        ("GET", "/../etc/passwd", 404),
    ],
)
def test_an_unknown_method_or_path_gets_a_json_error(method: str, path: str, status: int) -> None:
    answer = call(application(), method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(orjson.loads(answer.content), dict)


def _paths(of: FastAPI) -> set[str]:
    return {getattr(route, "path", "") for route in of.routes}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_are_answered_on_both_ports(path: str) -> None:
    for target in (application(), app.observed(Metrics())):
        answer = call(target, "GET", path)

        assert (answer.status_code, answer.text) == (200, "ok\n")


def test_the_metrics_port_serves_no_admission_nor_the_reverse() -> None:
    assert _paths(application()) == {"/mutate", "/healthz", "/readyz"}
    assert _paths(app.observed(Metrics())) == {"/metrics", "/healthz", "/readyz"}
    assert call(application(), "GET", "/metrics").status_code == 404
    assert call(app.observed(Metrics())).status_code == 404


def test_a_request_past_its_deadline_is_admitted_unchanged(asked: Json) -> None:
    answer = call(application(), path="/mutate?timeout=0s", body=orjson.dumps(asked))

    response = verdict(answer)
    assert response["auditAnnotations"] == {"reason": "deadline"}
    assert "patch" not in response
    assert ["too slowly" in line for line in response["warnings"]] == [True]


def test_one_that_requests_a_restore_gets_a_warning_that_it_is_refused(
    asked: Json, pod: Json
) -> None:
    pod["metadata"]["annotations"]["backup.restore"] = "if-empty"

    answer = call(application(), path="/mutate?timeout=0s", body=orjson.dumps(asked))

    told = verdict(answer)["warnings"]
    assert ["refuses this pod" in told[0], "too slowly" in told[1]] == [True, True]


@pytest.mark.parametrize("query", ["timeout=5s", "timeout=x", "timeout=", "x=1&timeout=10s", ""])
def test_a_request_in_time_is_decided(asked: Json, query: str) -> None:
    answer = call(application(), path=f"/mutate?{query}", body=orjson.dumps(asked))

    assert verdict(answer)["auditAnnotations"] == {"reason": "injected"}


def test_dry_runs_do_not_count_as_attempts(asked: Json) -> None:
    view = _View()
    target = app.create(OPTIONS, view=view)
    asked["request"]["dryRun"] = True
    review(target, asked)
    assert view.attempts == []

    asked["request"]["dryRun"] = False
    review(target, asked)

    uid = "2b2d1b5e-7f7c-4b3a-9d0e-2f7a5f7a1c11"
    assert view.attempts == [Owner("prod", "apps/ReplicaSet", uid)]


def test_a_pod_that_the_charts_policy_denies_is_no_attempt(asked: Json, pod: Json) -> None:
    """Others would have refused nothing, and the next pod of this owner would come without."""
    view = _View()
    pod["metadata"]["annotations"] |= {"backup.restore": "if-empty", "backup.engine": "rclone"}

    review(app.create(OPTIONS, view=view), asked)

    assert view.attempts == []


class _View:
    def __init__(self) -> None:
        self.attempts: list[Owner] = []

    def namespace_context(self, name: str, owner: Owner) -> NamespaceContext:
        """Restrict nothing."""
        del name, owner
        return NamespaceContext()

    def has_seen(self, namespace: str) -> bool:
        """Everything is known."""
        return bool(namespace)

    def injected(self, owner: Owner, request: str) -> None:
        """Keep who was injected."""
        del request
        self.attempts.append(owner)
