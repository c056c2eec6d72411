"""The wire format: what is read of a review, and the one form of the answer."""

import json

import orjson
import pytest

from tests.webhook.admitting import Json, answer_to
from webhook.server import review


def test_a_complete_request_is_read(asked: Json, pod: Json) -> None:
    request = review.parse(json.dumps(asked).encode())

    assert request == review.Request(
        api_version="admission.k8s.io/v1",
        uid="705ab4f5-6393-11e8-b7cc-42010a800002",
        kind=("", "Pod"),
        operation="CREATE",
        sub_resource="",
        namespace="prod",
        object=pod,
    )
    assert request.creates_pod


def test_the_namespace_is_that_of_the_request_not_of_the_object(asked: Json, pod: Json) -> None:
    """A controller's pod names none in its metadata."""
    pod["metadata"]["namespace"] = "other"

    assert review.parse(json.dumps(asked).encode()).namespace == "prod"


@pytest.mark.parametrize("key", ["namespace", "operation", "subResource"])
def test_a_part_that_is_null_or_absent_is_empty(asked: Json, key: str) -> None:
    asked["request"][key] = None
    null = review.parse(json.dumps(asked).encode())
    del asked["request"][key]
    absent = review.parse(json.dumps(asked).encode())

    assert null == absent
    assert "" in {null.namespace, null.operation, null.sub_resource}
    assert "None" not in {null.namespace, null.operation, null.sub_resource}


def test_a_response_without_a_patch_has_no_patch_fields(asked: Json) -> None:
    request = review.parse(json.dumps(asked).encode())

    assert orjson.loads(review.allow(request, [], (), "not_enabled")) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "allowed": True,
            "auditAnnotations": {"reason": "not_enabled"},
        },
    }


def test_numbers_beyond_53_bits_are_kept(asked: Json, pod: Json) -> None:
    pod["spec"]["bigNumber"] = 2**63 - 1

    request = review.parse(json.dumps(asked).encode())

    assert (request.object or {})["spec"]["bigNumber"] == 2**63 - 1


def _warnings(asked: Json, *warnings: str) -> list[str]:
    request = review.parse(json.dumps(asked).encode())
    answer: Json = orjson.loads(review.allow(request, [], warnings, "injected"))
    listed: list[str] = answer["response"]["warnings"]
    return listed


def test_a_warning_names_the_webhook_and_is_one_line(asked: Json) -> None:
    assert _warnings(asked, "bad\nvalue\t\x1b[31m") == ["backup: bad?value??[31m"]


@pytest.mark.parametrize("length", [200, 300, 100_000])
def test_a_warning_is_cut_before_the_api_server_cuts_it(asked: Json, length: int) -> None:
    (line,) = _warnings(asked, "x" * length)

    assert len(line) <= 256
    assert line.endswith("…") == (length > 200)


def test_all_warnings_together_stay_below_the_api_servers_limit(asked: Json) -> None:
    listed = _warnings(asked, *(f"{number} " + "ü" * 230 for number in range(30)))

    assert sum(len(line.encode()) for line in listed) <= 4096
    assert len(listed) > 5
    assert [line.split()[1] for line in listed] == [str(number) for number in range(len(listed))]


def test_a_thousand_invalid_values_still_give_a_response(asked: Json, pod: Json) -> None:
    pod["metadata"]["annotations"] |= {f"backup.no-{n}": "ü" * 50 for n in range(1000)}

    answer = answer_to(asked)

    assert answer.reason == "injected"
    assert sum(len(line.encode()) for line in answer.warnings) <= 4096
