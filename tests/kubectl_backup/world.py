"""A stand-in for a cluster that lives: an API server with a state, controllers and a kubelet.

It counts requests. Before the n-th, something may happen: the answer is an error, the connection
breaks before or after the request counts, somebody changes an object, the person interrupts.
Nothing goes by a clock: a request is the unit of time.
"""

import json
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.kubectl_backup.pods import NOW, Json, known, last, pod

Receive = Callable[[], Awaitable[Json]]
Send = Callable[[Json], Awaitable[None]]
Event = Callable[["World"], None]

PODS = "/api/v1/namespaces/prod/pods"
CLAIMS = "/api/v1/namespaces/prod/persistentvolumeclaims"
SCALERS = "/apis/autoscaling/v2/namespaces/prod/horizontalpodautoscalers"
LABEL = {"app.kubernetes.io/managed-by": "kubectl-backup"}
MANY = 3000  # requests that no command makes
GOES = 2  # requests until a pod that was deleted is gone
STARTS, ENDS = 2, 5  # age of the pod that restores when it begins, and ends, in requests
SNAPSHOT = {
    "id": "4f8a1c2e9b" * 4, "short_id": "4f8a1c2e", "time": "2026-09-21T13:03:20Z",
    "hostname": "wiki", "tags": ["ns=prod"], "paths": ["/backup/data"], "summary": {},
}  # fmt: skip
OTHERS: Json = {
    "/api/v1/namespaces/prod": {"metadata": {"name": "prod", "labels": {"backup.enabled": "true"}}},
    "/api/v1/namespaces/prod/events": {"items": []},
}
SILENT = -1
TREE = {"path": "/backup/data", "struct_type": "node", "type": "dir"}


@dataclass
class Fault:
    """What the API server does with a request in place of an answer.

    ``status`` is an HTTP status, 0 a broken connection, SILENT no answer at all; ``counts``: the
    request is carried out all the same. ``lasts``: so it goes on.
    """

    status: int = 0
    counts: bool = False
    lasts: bool = False


@dataclass
class World:
    """The namespace ``prod`` with the workload ``wiki``, whose volume ``data`` can be restored.

    ``at`` is the request before which ``event`` happens, or to which ``fault`` does; ``forbidden``
    are requests that are always refused, as ``METHOD path-suffix``. ``beside`` counts requests
    during which the volume was written while a pod of the workload ran. ``requested`` are pods
    that were asked for a backup, which ends at once; ``evicted`` those that were evicted.
    """

    kind: str = "Deployment"
    count: int = 2
    at: int = 0
    event: Event | None = None
    fault: Fault | None = None
    forbidden: tuple[str, ...] = ()
    exit_code: int = 0
    waits: Json | None = None
    goes: bool = True
    requests: list[tuple[str, str]] = field(default_factory=list)
    writes: list[tuple[str, str]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)
    evicted: list[str] = field(default_factory=list)
    beside: int = 0
    restored: list[str] = field(default_factory=list)
    pods: dict[str, Json] = field(default_factory=dict)
    claims: dict[str, Json] = field(default_factory=dict)
    scalers: list[Json] = field(default_factory=list)
    workload: Json | None = None
    dead: bool = False
    _version: int = 1
    _made: int = 0

    def __post_init__(self) -> None:
        self.workload = {
            "kind": self.kind,
            "metadata": {"name": "wiki", "namespace": "prod", "resourceVersion": "1"},
            "spec": {"replicas": self.count},
        }
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        self.claims["wiki-data"] = {
            "metadata": {"name": "wiki-data", "namespace": "prod"}, "spec": spec
        }  # fmt: skip
        self._reconcile()

    @property
    def path(self) -> str:
        """The path of the workload."""
        return f"/apis/apps/v1/namespaces/prod/{self.kind.lower()}s/wiki"

    def helpers(self) -> list[Json]:
        """Return the pods that restore, or have."""
        return [each for each in self.pods.values() if each["metadata"].get("labels") == LABEL]

    def own(self) -> list[Json]:
        """Return the pods of the workload."""
        return [each for each in self.pods.values() if each["metadata"].get("of") == "wiki"]

    def change(self, **spec: object) -> None:
        """Change the workload, as somebody else does."""
        assert self.workload is not None
        self._version += 1
        self.workload["spec"] |= spec
        self.workload["metadata"]["resourceVersion"] = str(self._version)

    def settle(self) -> None:
        """Let time go by without faults, until nothing changes any more."""
        self.event = self.fault = None
        self.at, self.dead = 0, False
        for _ in range(20):
            self._tick()

    async def serve(self, scope: Json, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method = "EXEC" if scope["type"] == "websocket" else scope["method"]
        path, query = str(scope["path"]), parse_qs(scope["query_string"].decode())
        message = await receive()
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        self.requests.append((method, path))
        assert len(self.requests) < MANY
        fault = None
        if len(self.requests) == self.at or self.dead:
            if self.event is not None:
                self.event(self)
            fault = self.fault
            self.dead = fault is not None and fault.lasts
        self._tick()
        denied = any(f"{method} {path}".startswith(each) for each in self.forbidden)
        if denied:
            fault = Fault(403)
        if fault is not None and not fault.counts:
            status, answer = fault.status, _said(f"status {fault.status}")
        else:
            status, answer = self._answer(method, path, query, body)
        if fault is not None and fault.status == SILENT:
            await _say_nothing(method, receive, send)
        elif fault is not None and not fault.status:
            await _break(method, send)
        elif method == "EXEC":
            await _execute(send, status, answer)
        else:
            await _reply(send, status, answer)

    def _answer(
        self, method: str, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, bytes]:
        """Carry a request out; return the status and the body of its answer."""
        if method not in {"GET", "EXEC"}:
            self.writes.append((method, path))
        if method == "EXEC":
            name = path.split("/")[-2]
            return (101, self._ran(name, query["command"])) if name in self.pods else (404, b"{}")
        given: Json = json.loads(body) if body else {}
        if path.endswith("/log"):
            return 200, b'{"level": "info", "message": "at work"}\n'
        if method == "GET" and path in {PODS, SCALERS}:
            pods = self.helpers() if "labelSelector" in query else list(self.pods.values())
            found = pods if path == PODS else self.scalers
            return 200, json.dumps({"items": found}).encode()
        if path == self.path:
            return self._workload(method, given)
        if path.startswith((PODS, CLAIMS)):
            return self._object(method, path, given, dry_run="dryRun" in query)
        other = OTHERS.get(path)
        return (200, json.dumps(other).encode()) if other else (404, _said(f"{path} not found"))

    def _workload(self, method: str, given: Json) -> tuple[int, bytes]:
        if self.workload is None:
            return 404, _said("wiki not found")
        if method == "PATCH":
            version = given["metadata"].pop("resourceVersion", None)
            if version not in {None, self.workload["metadata"]["resourceVersion"]}:
                return 409, _said("the object has been modified")
            self.change(**given["spec"])
            marks = {**self.workload["metadata"].get("annotations", {})}
            marks |= given["metadata"]["annotations"]
            kept = {key: value for key, value in marks.items() if value is not None}
            self.workload["metadata"]["annotations"] = kept
        return 200, json.dumps(self.workload).encode()

    def _object(self, method: str, path: str, given: Json, *, dry_run: bool) -> tuple[int, bytes]:
        if dry_run:
            return 201, json.dumps(pod("dry-run")).encode()
        if path.endswith("/eviction"):
            return self._evict(path.split("/")[-2])
        held = self.pods if path.startswith(PODS) else self.claims
        name = given["metadata"]["name"] if method == "POST" else path.rpartition("/")[2]
        if method == "POST":
            if name in held:
                return 409, _said(f"{name} already exists")
            made = {**deepcopy(given), "status": {"phase": "Pending"}, "age": 0}
            held[name] = made
        elif name not in held:
            return 404, _said(f"{name} not found")
        elif method == "PATCH":
            marks = {**held[name]["metadata"]["annotations"], **given["metadata"]["annotations"]}
            kept = {key: value for key, value in marks.items() if value is not None}
            held[name]["metadata"]["annotations"] = kept
        elif method == "DELETE":
            self.deleted.append(name)
            self.end(held[name])
        return 200, json.dumps(held[name]).encode()

    def _evict(self, name: str) -> tuple[int, bytes]:
        if name not in self.pods:
            return 404, _said(f"{name} not found")
        self.evicted.append(name)
        self.end(self.pods[name])
        return 201, b"{}"

    def _ran(self, name: str, words: list[str]) -> bytes:
        """Return what a command in a pod writes."""
        text = " ".join(words)
        if "snapshots" in text:
            return json.dumps([SNAPSHOT]).encode()
        if " ls " in text:
            return json.dumps(TREE).encode() + b"\n"
        if "kill -USR1" in text:
            self.requested.append(name)
            return f"{NOW:.0f}\n".encode()
        if words[0] == "cat":
            done = {"last": last(started="2026-09-21T13:33:20Z")} if name in self.requested else {}
            return json.dumps(known(**done)).encode()
        return b""

    def end(self, each: Json) -> None:
        """Delete a pod, which takes a while."""
        each["metadata"].setdefault("deletionTimestamp", "2026-09-21T13:33:20Z")
        each.setdefault("left", GOES)

    def _tick(self) -> None:
        self._reconcile()
        for name, each in list(self.pods.items()):
            if "left" in each and self.goes:
                each["left"] -= 1
                if each["left"] < 0:
                    del self.pods[name]
        for each in self.helpers():
            self._restore(each)

    def _reconcile(self) -> None:
        """Do as the workload's controller, its scheduler and its node do."""
        wanted = self.workload["spec"]["replicas"] if self.workload is not None else 0
        lasting = [each for each in self.own() if "left" not in each]
        for each in lasting[wanted:]:
            self.end(each)
        for number in range(wanted - len(lasting)):
            self._create(wanted - number - 1)

    def _create(self, number: int) -> None:
        """Create a pod; the one of a StatefulSet once its predecessor is gone."""
        self._made += 1
        made = pod(f"wiki-5f8b9c-{self._made}")
        if self.kind == "StatefulSet":
            made = pod(f"wiki-{number}", kind="StatefulSet", of="wiki")
        made["metadata"]["of"] = "wiki"
        self.pods.setdefault(made["metadata"]["name"], made)

    def _restore(self, helper: Json) -> None:
        """Do as the node and the runner do, in the pod that restores."""
        status, volume = helper["status"], helper["spec"]["volumes"][0]
        claim = volume["persistentVolumeClaim"]["claimName"]
        starts = claim in self.claims and self.waits is None
        helper["age"] += starts or status["phase"] == "Running"
        if self.waits is not None:
            status |= deepcopy(self.waits)
        elif status["phase"] == "Pending" and helper["age"] >= STARTS:
            status |= {"phase": "Running", "containerStatuses": _containers({"running": {}})}
        elif status["phase"] == "Running" and helper["age"] >= ENDS:
            ended = _containers({"terminated": {"exitCode": self.exit_code}})
            phase = "Failed" if self.exit_code else "Succeeded"
            status |= {"phase": phase, "containerStatuses": ended}
            self.restored += [claim] if not self.exit_code else []
        if status["phase"] == "Running":
            self.beside += any(
                each["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim
                for each in self.own()
            )


@dataclass
class Stage:
    """Where one world after another is served, at one address."""

    world: World = field(default_factory=World)
    url: str = ""

    def application(self) -> Callable[[Json, Receive, Send], Awaitable[None]]:
        """Return what serves the world of the moment."""

        async def serve(scope: Json, receive: Receive, send: Send) -> None:
            if scope["type"] in {"http", "websocket"}:
                await self.world.serve(scope, receive, send)

        return serve


def _containers(state: Json) -> list[Json]:
    """Return the states of the containers: one that somebody's webhook has added comes first."""
    done = {"name": "added", "state": {"terminated": {"exitCode": 0}}}
    return [done, {"name": "restore", "state": state}]


def _said(message: str) -> bytes:
    return json.dumps({"message": message}).encode()


async def _break(method: str, send: Send) -> None:
    """End the connection without an answer."""
    if method == "EXEC":
        await send({"type": "websocket.accept", "subprotocol": "v5.channel.k8s.io"})
        await send({"type": "websocket.close", "code": 1011})
        return
    headers = [(b"content-length", b"100"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
    raise ConnectionError("as planned")


async def _say_nothing(method: str, receive: Receive, send: Send) -> None:
    """Wait until the other side gives up."""
    if method == "EXEC":
        await send({"type": "websocket.accept", "subprotocol": "v5.channel.k8s.io"})
    await receive()


async def _reply(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _execute(send: Send, status: int, body: bytes) -> None:
    if status != 101:
        headers: list[Any] = [(b"content-length", str(len(body)).encode())]
        start = {"type": "websocket.http.response.start", "status": status, "headers": headers}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": body})
        return
    await send({"type": "websocket.accept", "subprotocol": "v5.channel.k8s.io"})
    await send({"type": "websocket.send", "bytes": b"\x01" + body})
    await send({"type": "websocket.send", "bytes": b"\x03" + b'{"status": "Success"}'})
    await send({"type": "websocket.close", "code": 1000})
