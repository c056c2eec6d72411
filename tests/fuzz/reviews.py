"""Admission reviews: `review.parse`, `admit` and `review.allow`, from bytes to bytes.

Whatever the body is, there is an answer or a MalformedError; the answer admits the pod, only adds
to it, and adds nothing where it is asked again. What the cluster says differs by the body's length.
"""

import base64
import json
import random
from typing import Any

import atheris

with atheris.instrument_imports(include=["contract", "webhook"]):
    from contract import names
    from webhook.admission import admit, patch_proof
    from webhook.admission.model import NamespaceContext, Options
    from webhook.admission.policies import pod_resources
    from webhook.admission.policies.limit_range import Limit
    from webhook.server import review

from tests.fuzz import json_values, running
from tests.webhook.admission.patch.applier import apply
from tests.webhook.admitting import BAD_NODE

_IMAGE = "registry.example.net/backup-sidecar:1"
_OPTIONS = (
    Options(image=_IMAGE),
    Options(_IMAGE, cluster="one", database_image=_IMAGE, pod_security="restricted"),
    Options(_IMAGE, defaults={"backup.restore": "if-empty", "backup.schedule": "@daily"}),
    Options(_IMAGE, secrets=frozenset({"backup-env-configuration"}), pull_policy="Always"),
)
_SMALL = pod_resources.amounts({"cpu": "1", "memory": "1Gi"})
_AROUND = (
    NamespaceContext(),
    NamespaceContext(pod_security="restricted", pull_secrets=("pull",)),
    NamespaceContext(refused=True),
    NamespaceContext((BAD_NODE,), (BAD_NODE,)),
    NamespaceContext(
        limits=(Limit(False, {}, _SMALL, _SMALL, _SMALL, {}),), pod_security="baseline"
    ),
)
_OURS = {names.STATUS_ANNOTATION, names.INJECTED_LABEL, names.SAFE_TO_EVICT_ANNOTATION}
_WARNINGS = 4096  # bytes; the API server drops what exceeds it

Json = dict[str, Any]


def one(body: bytes) -> None:
    """Answer one body, and check the answer."""
    try:
        request = review.parse(body)
    except review.MalformedError:
        return
    options, around = _OPTIONS[len(body) % len(_OPTIONS)], _AROUND[len(body) % len(_AROUND)]
    pod = request.object
    assert all(isinstance(each, str) for each in request.owner)
    if not request.creates_pod or pod is None:
        return
    before = json.dumps(pod)
    admission = admit.admit(pod, request.namespace, options, around)
    assert json.dumps(pod) == before, "the pod in the request was changed"
    operations = list(admission.operations)
    raw = review.allow(request, operations, admission.warnings, admission.reason.value)
    answer = json.loads(raw)
    response = answer["response"]
    assert response["allowed"] is True
    assert response["uid"] == request.uid
    assert sum(len(line.encode()) for line in response.get("warnings", ())) <= _WARNINGS
    sent = json.loads(base64.b64decode(response.get("patch", "")) or b"[]")
    assert sent == operations
    if not operations:
        return
    patch_proof.prove(pod, operations)
    result = apply(pod, operations)
    _only_added(pod, result)
    again = admit.admit(result, request.namespace, options, around)
    if admission.reason == names.Reason.INJECTED:
        assert again.reason == names.Reason.ALREADY_INJECTED, again
        assert not again.operations, again.operations


def _only_added(pod: Json, result: Json) -> None:
    """Fail where anything of the pod, known or unknown, is gone or another."""
    for key, value in pod.items():
        if key not in {"metadata", "spec"}:
            assert result[key] == value
    for part in ("metadata", "spec"):
        for key, value in (pod.get(part) or {}).items():
            found = result[part][key]
            if isinstance(value, list):
                # Those of ours may be completed; all others are there, in their order.
                rest = iter(found)
                theirs = [each for each in value if not _is_ours(each)]
                assert all(any(each == other for other in rest) for each in theirs), key
            elif part == "metadata" and key in {"annotations", "labels"}:
                assert not value or _theirs(found, value) == _theirs(value, value), key
            elif value not in (None, {}):  # an empty mapping in the place of a list is none
                assert found == value, key


def _theirs(found: Any, given: Any) -> Any:  # noqa: ANN401 -- any JSON
    """Return of what was found what had been given, without marks of ours."""
    if not isinstance(given, dict):
        return found
    return {name: found[name] for name in given if name not in _OURS}


def _is_ours(container: object) -> bool:
    ours = (names.CONTAINER, names.RESTORE_CONTAINER, *names.OWN_VOLUMES)
    return isinstance(container, dict) and container.get("name") in ours


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Return JSON with other members; of bytes that are none, another text."""
    chance = random.Random(seed)  # noqa: S311 -- libFuzzer's seed
    try:
        document = json.loads(data) if chance.randrange(8) else None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return running.mutated(data, most)
    if chance.randrange(20):
        json_values.mutate(document, chance)
    else:  # JSON, and no review
        document = json_values.any_of(document, chance)
    try:
        changed = json.dumps(document, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return running.mutated(data, most)
    return changed if len(changed) <= most else running.mutated(data, most)


if __name__ == "__main__":
    running.start(one, mutate)
