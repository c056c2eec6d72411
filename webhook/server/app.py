"""The HTTP edge: /mutate, /metrics and probes. The only importer of fastapi."""

import asyncio
import re
from collections.abc import Callable
from email.message import Message
from functools import lru_cache
from time import perf_counter
from typing import Protocol

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect

from contract.names import Reason
from webhook import log
from webhook.admission.admit import Admission, admit, unpatched
from webhook.admission.model import NamespaceContext, Options
from webhook.admission.pod_spec import Owner
from webhook.server import bodies, deadline, review
from webhook.server.bodies import RefusedError
from webhook.server.metrics import Metrics

_TIMEOUT = re.compile(rb"(?:^|&)timeout=([0-9]{1,3})s(?:&|$)")
_USUAL_TIMEOUT = 10  # seconds; the API server's own where a configuration says nothing
_LOOK, _LOOKS = 0.02, 25  # seconds between looks for a new namespace, and how many
_LATE = "the request arrived too slowly; not backed up"
_TOO_LONG = f"the decision took longer than {deadline.SECONDS:g} s; not backed up"


# Their last warning is all ours. Others repeat what an annotation says, which the log must not.
_EXPLAINED = frozenset({
    Reason.DEADLINE, Reason.IMAGE_UNAVAILABLE, Reason.INTERNAL_ERROR, Reason.NO_VOLUMES,
    Reason.PROOF_FAILED, Reason.QUOTA, Reason.REFUSED_ELSEWHERE, Reason.SIDECAR_BROKEN,
    Reason.TOO_COMPLEX,
})  # fmt: skip


class View(Protocol):
    """What a decision may ask about the cluster; nothing here may block."""

    def namespace_context(self, name: str, owner: Owner) -> NamespaceContext:
        """Return the context of a pod of ``owner`` in the namespace ``name``."""

    def has_seen(self, namespace: str) -> bool:
        """Whether ``namespace`` is known; one that has just opted in is not for a moment."""

    def injected(self, owner: Owner, request: str) -> None:
        """Take note that ``request`` admits a pod of ``owner`` with a sidecar."""


class Anywhere:
    """A view of a cluster that restricts nothing."""

    def namespace_context(self, name: str, owner: Owner) -> NamespaceContext:
        """Return a namespace context without limits."""
        del name, owner
        return NamespaceContext()

    def has_seen(self, namespace: str) -> bool:
        """There is nothing to know."""
        del namespace
        return True

    def injected(self, owner: Owner, request: str) -> None:
        """Keep no account."""


def create(
    options: Options,
    *,
    metrics: Metrics | None = None,
    ready: Callable[[], bool] = lambda: True,
    view: View | None = None,
) -> FastAPI:
    """Return the application that answers for ``options``; ``ready`` is called in a thread."""
    app = FastAPI(title="backup-webhook", openapi_url=None)
    shown = metrics or Metrics()
    cluster = view or Anywhere()
    budget = bodies.Budget()

    async def mutate(request: Request) -> Response:
        begun = perf_counter()
        body = await _body(request, budget)
        started = perf_counter()
        asked = _asked(body)
        if asked.creates_pod:
            await _seen(asked.namespace, cluster)
        late = perf_counter() - begun > _time_allowed(request.scope["query_string"])
        admission = _late(asked, options, _LATE) if late else _in_time(asked, options, cluster)
        answer = review.allow(
            asked, list(admission.operations), admission.warnings, admission.reason.value
        )
        shown.count(asked.namespace, admission, perf_counter() - started, len(body))
        _log(asked, admission)
        return Response(answer, media_type="application/json")

    async def guarded(request: Request) -> Response:
        with shown.in_flight.track_inprogress():
            try:
                return await mutate(request)
            except RefusedError as error:
                shown.refused.labels(str(error.status)).inc()
                return _status_line(error.status, str(error))
            except ClientDisconnect:
                return _status_line(400, "the connection was closed within the body")
            except Exception:  # noqa: BLE001 -- the last resort; it is logged with its traceback
                log.DECISIONS.exception("internal error")
                return _status_line(500, "internal error, see the webhook's log")

    # Not a path operation: those parse what there is nothing of here, at a third of the time.
    app.add_route("/mutate", guarded, methods=["POST"])

    _add_probes(app, ready)
    return app


def observed(metrics: Metrics, ready: Callable[[], bool] = lambda: True) -> FastAPI:
    """Return the application for who watches: metrics, and the same probes.

    Apart from admission: who may scrape need not reach what the API server asks, nor the reverse.
    """
    app = FastAPI(title="backup-webhook metrics", openapi_url=None)

    @app.get("/metrics")
    async def exposition() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    _add_probes(app, ready)
    return app


def _add_probes(app: FastAPI, ready: Callable[[], bool]) -> None:
    @app.get("/healthz")
    async def healthy() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    def answer_readiness() -> PlainTextResponse:
        return PlainTextResponse("ok\n") if ready() else PlainTextResponse("not ready\n", 503)


def _status_line(code: int, message: str) -> Response:
    # The API server shows a v1 Status to whoever made the request.
    status = {"apiVersion": "v1", "kind": "Status", "status": "Failure"}
    body = orjson.dumps({**status, "code": code, "message": f"backup-webhook: {message}"})
    # What was not read to its end must not be taken for the next request.
    end = {"Connection": "close"} if code in {408, 413} else None
    return Response(body + b"\n", code, end, media_type="application/json")


def _asked(body: bytes) -> review.Request:
    try:
        return review.parse(body)
    except review.MalformedError as error:
        raise RefusedError(400, str(error)) from error


@lru_cache(64)
def _time_allowed(query: bytes) -> float:
    """Return the seconds until the API server's timeout, less a margin for the network."""
    match = _TIMEOUT.search(query)
    return (int(match[1]) if match else _USUAL_TIMEOUT) * 0.9


@lru_cache(64)
def _is_json(content_type: str) -> bool:
    header = Message()
    header["content-type"] = content_type
    return header.get_content_type() == "application/json"


async def _seen(namespace: str, cluster: View) -> None:
    """Wait a moment for a namespace that was created or labelled just before its pod."""
    for _ in range(_LOOKS):
        if cluster.has_seen(namespace):
            return
        await asyncio.sleep(_LOOK)


def _late(asked: review.Request, options: Options, why: str) -> Admission:
    return unpatched(asked.object or {}, Reason.DEADLINE, why, options)


def _in_time(asked: review.Request, options: Options, cluster: View) -> Admission:
    try:
        with deadline.within():
            return _admission(asked, options, cluster)
    except deadline.DeadlineError:
        return _late(asked, options, _TOO_LONG)


def _admission(asked: review.Request, options: Options, cluster: View) -> Admission:
    if not asked.creates_pod or asked.object is None:
        return Admission(Reason.NOT_A_POD_CREATE)
    admission = admit(
        asked.object,
        asked.namespace,
        options,
        cluster.namespace_context(asked.namespace, asked.owner),
    )
    # What the chart's own policy refuses says nothing of others'.
    if admission.reason is Reason.INJECTED and not asked.dry_run and not admission.refused:
        cluster.injected(asked.owner, asked.uid)
    return admission


async def _body(request: Request, budget: bodies.Budget) -> bytes:
    """Return the body; raise RefusedError."""
    body = bodies.Body()
    if not _is_json(request.headers.get("content-type", "")):
        body.refuse(415, "Content-Type must be application/json")
    return await body.receive(request, budget)


def _log(asked: review.Request, admission: Admission) -> None:
    if admission.reason in {Reason.NOT_ENABLED, Reason.NOT_A_POD_CREATE}:
        return
    meta = (asked.object or {}).get("metadata")
    name = meta.get("name") or meta.get("generateName") if isinstance(meta, dict) else None
    fields = {
        "uid": asked.uid,
        "namespace": asked.namespace,
        "pod": name,
        "reason": admission.reason.value,
        **({"defaulted": admission.defaulted} if admission.defaulted else {}),
        **({"restore": "refused"} if admission.refused else {}),
        **({"why": admission.warnings[-1]} if admission.reason in _EXPLAINED else {}),
    }
    log.DECISIONS.info("admission", extra={"fields": fields})
