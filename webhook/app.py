"""The HTTP edge: /mutate, /healthz, /readyz, /metrics. The only importer of fastapi."""

from collections.abc import Awaitable, Callable
from email.message import Message
from time import perf_counter

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect

from contract.names import Reason
from webhook import log, review
from webhook.admit import Admission, admit
from webhook.inject import Options, Surroundings
from webhook.metrics import Metrics

BODY_LIMIT = 7 * 1024 * 1024  # bytes, above what etcd can hold of a pod and its old object
_DRAIN_LIMIT = 64 * 1024 * 1024  # a refused body is read this far, or its sender sees a reset


class RefusedError(Exception):
    """The call itself is wrong; ``status`` is the HTTP answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def create(
    options: Options,
    *,
    metrics: Metrics | None = None,
    ready: Callable[[], bool] = lambda: True,
    around: Callable[[], Surroundings] = Surroundings,
) -> FastAPI:
    """Return the application that answers for ``options``.

    ``ready`` may block and is called in a thread; ``around`` is asked for each pod and must not.
    """
    app = FastAPI(title="backup-webhook", openapi_url=None)
    shown = metrics or Metrics()

    @app.post("/mutate")
    async def mutate(request: Request) -> Response:
        body = await _body(request)
        started = perf_counter()
        try:
            asked = review.parse(body)
        except review.MalformedError as error:
            raise RefusedError(400, str(error)) from error
        admission = _admission(asked, options, around())
        answer = review.allow(
            asked, list(admission.operations), admission.warnings, admission.reason.value
        )
        shown.count(admission.reason, admission.defaulted, perf_counter() - started)
        _log(asked, admission)
        return Response(answer, media_type="application/json")

    @app.get("/healthz")
    async def healthy() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    def answer_readiness() -> PlainTextResponse:
        return PlainTextResponse("ok\n") if ready() else PlainTextResponse("not ready\n", 503)

    @app.get("/metrics")
    async def exposition() -> Response:
        return Response(generate_latest(shown.registry), media_type=CONTENT_TYPE_LATEST)

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: Exception) -> Response:
        status = error.status if isinstance(error, RefusedError) else 500
        shown.refused.labels(str(status)).inc()
        return _status_line(status, str(error))

    @app.middleware("http")
    async def never_a_stack_trace(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        try:
            return await call_next(request)
        except ClientDisconnect:
            return _status_line(400, "the connection was closed within the body")
        except Exception:  # noqa: BLE001 -- the last resort; it is logged with its traceback
            log.DECISIONS.exception("internal error")
            return _status_line(500, "internal error, see the webhook's log")

    return app


def _status_line(code: int, message: str) -> Response:
    # The API server shows a v1 Status to whoever made the request.
    status = {"apiVersion": "v1", "kind": "Status", "status": "Failure"}
    body = orjson.dumps({**status, "code": code, "message": f"backup-webhook: {message}"})
    return Response(body + b"\n", code, media_type="application/json")


def _admission(asked: review.Request, options: Options, around: Surroundings) -> Admission:
    if not asked.creates_pod or asked.object is None:
        return Admission(Reason.NOT_A_POD_CREATE)
    return admit(asked.object, asked.namespace, options, around)


async def _body(request: Request) -> bytes:
    """Return the body, held to its limit while it arrives; raise RefusedError."""
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    refusal = None
    if header.get_content_type() != "application/json":
        refusal = RefusedError(415, "Content-Type must be application/json")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_LIMIT:
            refusal = refusal or RefusedError(413, f"the body is larger than {BODY_LIMIT} bytes")
            chunks = []
        elif refusal is None:
            chunks.append(chunk)
        if size > _DRAIN_LIMIT:
            break
    if refusal is not None:
        raise refusal
    return b"".join(chunks)


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
        **({"warnings": admission.warnings} if admission.warnings else {}),
    }
    log.DECISIONS.info("admission", extra={"fields": fields})
