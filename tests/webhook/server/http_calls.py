"""Calls of the application as the API server would make them, by a client that is not ours."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import httpx
import orjson
from fastapi import FastAPI

from tests.webhook.admitting import OPTIONS, Json
from webhook.server import app
from webhook.server.metrics import Metrics

JSON = {"Content-Type": "application/json"}


def application(metrics: Metrics | None = None) -> FastAPI:
    """Return a new application, with metrics of its own where none are given."""
    return app.create(OPTIONS, metrics=metrics)


def scraped(metrics: Metrics) -> str:
    """Return what the port for metrics shows."""
    return call(app.observed(metrics), "GET", "/metrics").raise_for_status().text


def call(
    target: FastAPI,
    method: str = "POST",
    path: str = "/mutate",
    *,
    body: bytes | Iterable[bytes] = b"",
    headers: dict[str, str] = JSON,
) -> httpx.Response:
    """Return the answer to one call; a body of several chunks has no Content-Length."""

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in body if not isinstance(body, bytes) else ():
            yield chunk

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=target)
        async with httpx.AsyncClient(transport=transport, base_url="https://webhook") as client:
            content = body if isinstance(body, bytes) else chunks()
            return await client.request(method, path, content=content, headers=headers)

    return asyncio.run(ask())


def review(target: FastAPI, asked: object) -> httpx.Response:
    """Return the answer to an AdmissionReview."""
    return call(target, body=orjson.dumps(asked))


def refusal(answer: httpx.Response) -> Json:
    """Return the v1 Status of a refusal: exactly one line of JSON, and no stack trace in it."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.content.endswith(b"\n")
    assert answer.content.count(b"\n") == 1
    status: Json = orjson.loads(answer.content)
    assert (status["apiVersion"], status["kind"], status["status"]) == ("v1", "Status", "Failure")
    assert status["code"] == answer.status_code
    assert status["message"].startswith("backup-webhook: ")
    assert "Traceback" not in status["message"]
    return status


def verdict(answer: httpx.Response) -> Json:
    """Return the response of an answered review; it always allows."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    read = orjson.loads(answer.content)
    assert read["kind"] == "AdmissionReview"
    response: Json = read["response"]
    assert response["allowed"] is True
    return response
