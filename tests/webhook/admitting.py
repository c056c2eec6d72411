"""A pod through the server's whole path, bytes to bytes, as the API server would see it."""

import base64
import json
from dataclasses import dataclass
from typing import Any

import orjson

from webhook.admission import admit
from webhook.admission.model import NodeProblem, Options
from webhook.admission.pod.placement import Node
from webhook.server import review

Json = dict[str, Any]

IMAGE = "registry.example.net/backup-sidecar@sha256:0123abcd"
OPTIONS = Options(image=IMAGE, excluded_namespaces=frozenset())

BAD_NODE = NodeProblem("ErrImagePull", Node("n"))

OWN_VOLUMES = ("backup-state", "backup-secret", "backup-pod", "backup-no-token")
STATUS = "backup.status"
SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``operations`` is None where the answer held no patch at all."""

    reason: str
    operations: list[Json] | None
    warnings: list[str]
    raw: bytes

    def sidecar(self) -> Json:
        """Return the container that the patch adds; there must be exactly one."""
        (found,) = [item for item in self.added("/spec/initContainers") if item["name"] == "backup"]
        return found

    def restorer(self) -> Json | None:
        """Return the init container that the patch adds to fill volumes, if it does."""
        values = [each["value"] for each in self.operations or []
                  if each["path"].startswith("/spec/initContainers")]  # fmt: skip
        added = [
            each for value in values for each in (value if isinstance(value, list) else [value])
        ]
        found = [each for each in added if each["name"] == "backup-restore"]
        assert len(found) < 2
        return found[0] if found else None

    def volumes(self) -> list[Json]:
        """Return the volumes that the patch adds."""
        return self.added("/spec/volumes")

    def added(self, path: str) -> list[Json]:
        """Return what the patch appends to the list at ``path``."""
        items: list[Json] = []
        for operation in self.operations or []:
            if operation["path"] == path:
                items += operation["value"]
            elif operation["path"] == f"{path}/-":
                items.append(operation["value"])
        return items

    def environment(self) -> dict[str, Any]:
        """Return the added container's variables: text, or the field that it comes from."""
        return {
            entry["name"]: entry.get("value", entry.get("valueFrom"))
            for entry in self.sidecar()["env"]
        }


def answer_to(asked: Json, options: Options = OPTIONS) -> Answer:
    """Return the answer to an AdmissionReview, checked for the form that all answers have."""
    request = review.parse(json.dumps(asked).encode())
    assert request.creates_pod
    assert request.object is not None
    decided = admit.admit(request.object, request.namespace, options)
    raw = review.allow(request, list(decided.operations), decided.warnings, decided.reason.value)
    read = orjson.loads(raw)
    response = read["response"]
    assert (read["apiVersion"], read["kind"]) == (asked["apiVersion"], "AdmissionReview")
    assert (response["uid"], response["allowed"]) == (asked["request"]["uid"], True)
    assert "status" not in response
    assert ("patch" in response) == ("patchType" in response)
    operations = None
    if "patch" in response:
        assert response["patchType"] == "JSONPatch"
        operations = orjson.loads(base64.b64decode(response["patch"], validate=True))
        assert operations
    return Answer(
        reason=response["auditAnnotations"]["reason"],
        operations=operations,
        warnings=response.get("warnings", []),
        raw=raw,
    )
