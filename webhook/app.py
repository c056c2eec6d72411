"""The HTTP edge: /mutate, /healthz, /readyz, /metrics. The only importer of fastapi."""

from collections.abc import Awaitable, Callable
from email.message import Message
from time import perf_counter

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect

from contract.names import Reason
from webhook import log, review
from webhook.admit import Admission, admit
from webhook.inject import Options

BODY_LIMIT = 7 * 1024 * 1024  # bytes, above what etcd can hold of a pod and its old object
_DRAIN_LIMIT = 64 * 1024 * 1024  # a refused body is read this far, or its sender sees a reset
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class RefusedError(Exception):
    """The call itself is wrong; ``status`` is the HTTP answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.admissions = Counter(
            "backup_webhook_admissions", "Admission reviews by what became of the pod.",
            ["reason"], registry=self.registry,
        )  # fmt: skip
        self.refused = Counter(
            "backup_webhook_refused_calls", "Calls that were no admission review, by HTTP status.",
            ["status"], registry=self.registry,
        )  # fmt: skip
        self.defaulted = Counter(
            "backup_webhook_defaulted_settings", "Settings whose value could not be used.",
            ["key"], registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "backup_webhook_duration_seconds", "Time to decide on a pod.",
            buckets=_BUCKETS, registry=self.registry,
        )  # fmt: skip
        for reason in Reason:
            self.admissions.labels(reason.value)  # so that each series starts at 0


def create(options: Options) -> FastAPI:
    """Return the application that answers for ``options``."""
    app = FastAPI(title="backup-webhook", openapi_url=None)
    metrics = _Metrics()

    @app.post("/mutate")
    async def mutate(request: Request) -> Response:
        body = await _body(request)
        started = perf_counter()
        try:
            asked = review.parse(body)
        except review.MalformedError as error:
            raise RefusedError(400, str(error)) from error
        admission = _admission(asked, options)
        answer = review.allow(
            asked, list(admission.operations), admission.warnings, admission.reason.value
        )
        metrics.seconds.observe(perf_counter() - started)
        metrics.admissions.labels(admission.reason.value).inc()
        for key in admission.defaulted:
            metrics.defaulted.labels(key).inc()
        _log(asked, admission)
        return Response(answer, media_type="application/json")

    @app.get("/healthz")
    @app.get("/readyz")
    async def healthy() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/metrics")
    async def exposition() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: Exception) -> Response:
        status = error.status if isinstance(error, RefusedError) else 500
        metrics.refused.labels(str(status)).inc()
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


def _admission(asked: review.Request, options: Options) -> Admission:
    if not asked.creates_pod or asked.object is None:
        return Admission(Reason.NOT_A_POD_CREATE)
    return admit(asked.object, asked.namespace, options)


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
