"""The AdmissionReview wire format: bytes -> Request, and the answer -> bytes. No decisions."""

import base64
from dataclasses import dataclass
from typing import Any

import orjson

from contract.text import printable
from webhook.admission import pod_spec
from webhook.admission.pod_spec import Owner, Pod

_VERSIONS = {"admission.k8s.io/v1", "admission.k8s.io/v1beta1"}
_WARNING_LENGTH = 240  # characters; the API server cuts warnings at 256
_WARNINGS_LENGTH = 4000  # of all together; the API server drops what exceeds 4096


class MalformedError(ValueError):
    """The body is not a valid admission review; the message says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the API server asks. ``object`` is None if it sends none (DELETE, CONNECT)."""

    api_version: str
    uid: str
    kind: tuple[str, str]
    operation: str
    sub_resource: str
    namespace: str
    object: Pod | None
    dry_run: bool = False

    @property
    def owner(self) -> Owner:
        """Who creates this pod: its controller, or itself by name."""
        return pod_spec.owner(self.object or {}, self.namespace)

    @property
    def creates_pod(self) -> bool:
        """Whether this is the creation of a pod itself, the only thing that is ever patched."""
        return (
            self.kind == ("", "Pod")
            and self.operation == "CREATE"
            and not self.sub_resource
            and self.object is not None
        )


def parse(body: bytes) -> Request:
    """Return the request in ``body``; raise MalformedError where there is none to answer."""
    try:
        review = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"the body is not JSON: {error}") from error
    if not isinstance(review, dict) or review.get("kind") != "AdmissionReview":
        raise MalformedError("the body is not an AdmissionReview")
    version = review.get("apiVersion")
    if not isinstance(version, str) or version not in _VERSIONS:
        raise MalformedError(f"apiVersion must be one of {', '.join(sorted(_VERSIONS))}")
    request = review.get("request")
    if not isinstance(request, dict):
        raise MalformedError("request must be an object")
    uid = request.get("uid")
    if not isinstance(uid, str) or not uid:
        raise MalformedError("request.uid must be text")
    kind = _mapping(request, "kind") or {}
    return Request(
        api_version=version,
        uid=uid,
        kind=(str(kind.get("group") or ""), str(kind.get("kind") or "")),
        operation=str(request.get("operation") or ""),
        sub_resource=str(request.get("subResource") or ""),
        namespace=str(request.get("namespace") or ""),
        object=_mapping(request, "object"),
        dry_run=request.get("dryRun") is True,
    )


def _mapping(request: dict[str, Any], key: str) -> dict[str, Any] | None:
    value = request.get(key)
    if value is not None and not isinstance(value, dict):
        raise MalformedError(f"request.{key} must be an object")
    return value


def allow(
    request: Request, operations: list[dict[str, Any]], warnings: tuple[str, ...], reason: str
) -> bytes:
    """Return the review that admits the object, patched where there are operations.

    There is no other answer: a backup webhook has no reason to refuse a pod.
    """
    response: dict[str, Any] = {"uid": request.uid, "allowed": True}
    if operations:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(orjson.dumps(operations)).decode()
    if warnings:
        response["warnings"] = _fitting(warnings)
    response["auditAnnotations"] = {"reason": reason}
    answer = {"apiVersion": request.api_version, "kind": "AdmissionReview", "response": response}
    return orjson.dumps(answer)


def _fitting(warnings: tuple[str, ...]) -> list[str]:
    fitting, length = [], 0
    for warning in warnings:
        line = printable(f"backup: {warning}")
        line = line if len(line) <= _WARNING_LENGTH else line[: _WARNING_LENGTH - 1] + "…"
        length += len(line.encode())
        if length > _WARNINGS_LENGTH:
            break
        fitting.append(line)
    return fitting
