"""Mutated bodies: whatever arrives at /mutate, the answer is orderly and memory does not grow.

For longer: FUZZ_BODIES=100000 pytest tests/integration/webhook/test_fuzz.py
"""

import base64
import copy
import os
import random
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from demo import app
from tests.webhook.admission.corpus.corpus import PODS
from webhook.admission.model import Options
from webhook.server import app as edge

BODIES = int(os.environ.get("FUZZ_BODIES", "4000"))
_GROWTH = 8 * 1024 * 1024  # bytes; caches of bounded size fill up meanwhile

Json = dict[str, Any]

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 1.5, "", "x", "true", "\u0000", "ü" * 300, "a" * 70_000,
    "$(X)", [], [None], [[]], ["x"], [{}], {}, {"": {}}, {"name": None}, {"name": "backup"},
    {"backup.enabled": "true"}, {"limits": {"cpu": "x"}}, {"cpu": 1}, "1e999", "-1Gi",
)  # fmt: skip


def _review(pod: Json) -> Json:
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "7d0dbc24", "operation": "CREATE", "namespace": "prod",
            "kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": pod,
        },
    }  # fmt: skip


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:  # noqa: ANN401 -- any JSON
    """Return every member of every mapping and list, as its holder and key."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in items:
        found.append((value, key))
        if isinstance(member, dict | list):
            _places(member, found)
    return found


def _changed(chance: random.Random, review: Json) -> bytes:
    mutated = copy.deepcopy(review)
    for _ in range(chance.randint(1, 4)):
        holder, key = chance.choice(_places(mutated, []))
        match chance.randrange(4):
            case 0:
                holder[key] = copy.deepcopy(chance.choice(_VALUES))
            case 1:
                del holder[key]
            case 2 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case 3 if isinstance(holder, dict):
                holder[chance.choice(("name", "metadata", "backup.volumes", "x/y~z"))] = (
                    copy.deepcopy(holder[key])
                )
        if not mutated:
            break
    return orjson.dumps(mutated)


def _torn(chance: random.Random, body: bytes) -> bytes:
    torn = bytearray(body)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(torn))
        match chance.randrange(3):
            case 0:
                torn[at] = chance.randrange(256)
            case 1:
                del torn[at : at + chance.randint(1, 40)]
            case 2:
                torn[at:at] = chance.choice((b'"', b"{", b"[" * 2000, b"\\u0000", b"\xff", b"1e9"))
        if not torn:
            break
    return bytes(torn)


def _bodies(count: int, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)  # noqa: S311 -- the same bodies each time
    reviews = [_review(pod) for pod in (app.pod(), *PODS.values())]
    for _ in range(count):
        body = _changed(chance, chance.choice(reviews))
        yield body if chance.randrange(4) else _torn(chance, body)


def _is_orderly(body: bytes, answer: httpx.Response) -> str:
    """Fail where an answer is not; return what it was."""
    if answer.status_code != 200:
        assert answer.status_code in {400, 413}, body
        return "refused"
    response = answer.json()["response"]
    assert response["uid"] == orjson.loads(body)["request"]["uid"]
    assert response["allowed"] is True
    operations = orjson.loads(base64.b64decode(response.get("patch", "")) or b"[]")
    assert {operation["op"] for operation in operations} <= {"add"}, body
    reason: str = response["auditAnnotations"]["reason"]
    return reason


@pytest.mark.anyio
async def test_every_mutated_body_gets_a_valid_response_and_memory_does_not_grow() -> None:
    target = edge.create(Options(image="registry.example.net/sidecar:1"))
    seen: Counter[str] = Counter()
    transport = httpx.ASGITransport(target)  # raises what the application lets through
    async with httpx.AsyncClient(transport=transport, base_url="https://test") as client:
        for number, body in enumerate(_bodies(BODIES, seed=7)):
            if number == BODIES // 4:
                tracemalloc.start()
                before = tracemalloc.get_traced_memory()[0]
            answer = await client.post(
                "/mutate?timeout=5s", content=body, headers={"Content-Type": "application/json"}
            )
            seen[_is_orderly(body, answer)] += 1
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    print(dict(seen), f"{grown} bytes more")
    assert grown < _GROWTH
    assert {"refused", "injected", "not_enabled", "internal_error"} <= seen.keys()


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"
