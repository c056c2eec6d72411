"""The webhook's view of the cluster, from watches: images on nodes, namespaces, refused owners.

A decision makes no request: it reads what the watches left in memory.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from contract import names
from kube.reader import Reader, Source
from kube.watch import ADDED, DELETED, Listener, Reflector
from webhook.admission import pod_spec
from webhook.admission.model import NamespaceContext, NodeProblem, Options
from webhook.admission.pod_spec import Owner
from webhook.admission.policies import limit_range, namespace, resource_quota
from webhook.admission.policies.limit_range import Limit
from webhook.admission.policies.namespace import STRICTEST, Namespace
from webhook.admission.policies.resource_quota import Quota
from webhook.cluster import crashes, evidence, nodes, sidecar_hosts
from webhook.cluster.circuit_breaker import Breaker, Verdict
from webhook.cluster.evidence import Evidence, Refusals
from webhook.cluster.nodes import Placed
from webhook.cluster.prepull import problems_of

_LOG = logging.getLogger("cluster")
Json = Mapping[str, Any]
T = TypeVar("T")


class Cluster:
    """A view kept by watches. ``prepull`` is a DaemonSet in namespace ``own``; may be empty.

    ``authenticated``: nobody but the API server can send reviews.
    """

    def __init__(
        self, own: str, prepull: str, options: Options, *, follow: bool, authenticated: bool = False
    ) -> None:
        self._options = options
        self._follow = follow
        self.evidence = Evidence()
        self.breaker = Breaker(self.evidence, self._announce, authenticated=authenticated)
        self._images: Table[_Prepulled] = Table(
            lambda pod: _Prepulled(nodes.placed(pod), problems_of(pod, prepull))
        )
        self._namespaces: Table[Namespace] = Table(namespace.read)
        self._limits: Table[tuple[Limit, ...]] = Table(limit_range.read)
        self._quotas: Table[Quota] = Table(resource_quota.read)
        self._sidecars: Table[_Injected] = Table(self._sidecar)
        watched: dict[str, tuple[Source, Listener]] = {}
        if prepull:
            watched["prepull"] = Source(f"/api/v1/namespaces/{own}/pods"), self._images
        if follow:
            label = f"{names.ENABLED_LABEL}=true"
            watched |= {
                "namespaces": (
                    Source("/api/v1/namespaces", label, metadata=True),
                    self._namespaces,
                ),
                "limitranges": (Source("/api/v1/limitranges"), self._limits),
                "resourcequotas": (Source("/api/v1/resourcequotas"), self._quotas),
                "injected": (_INJECTED, _Pods(self.breaker, self.evidence)),
                _REFUSALS: (_FAILED_CREATE, Refusals(self.evidence, time.monotonic)),
                "sidecars": (Source("/api/v1/pods", _LABEL, page=_WHOLE), self._sidecars),
            }
        self.watches = [
            Reflector(name, Reader(source), listener, _report)
            for name, (source, listener) in watched.items()
        ]

    def _sidecar(self, pod: Json) -> "_Injected":
        """Return what is known of a pod with a sidecar; the breaker learns if it does not run."""
        if why := crashes.crash(pod):
            where = pod["metadata"].get("namespace", "")
            self.breaker.broke(pod_spec.owner(dict(pod), where), why, time.monotonic())
        return _Injected(sidecar_hosts.host(dict(pod)), nodes.accepted(pod))

    def _announce(self, owner: Owner, verdict: Verdict) -> None:
        fields = {"namespace": owner.namespace, "kind": owner.kind, "uid": owner.uid,
                  "name": owner.name, "evidence": verdict.value}  # fmt: skip
        if why := self.breaker.why(owner):
            fields["problem"] = why
        _LOG.warning("circuit breaker", extra={"fields": fields})

    def start(self) -> None:
        """Begin to watch, in threads that end with the process."""
        for each in self.watches:
            each.start()

    @property
    def synced(self) -> bool:
        """Whether everything that a decision needs has been seen at least once.

        Events are not among it: without the right to them the breaker opens more rarely.
        """
        return all(each.synced for each in self.watches if each.name != _REFUSALS)

    @property
    def image_problems(self) -> tuple[NodeProblem, ...]:
        """Which nodes cannot run the sidecar's image."""
        return self._problems(self._options.image)

    @property
    def database_image_problems(self) -> tuple[NodeProblem, ...]:
        """Which nodes cannot run the image with database clients."""
        return self._problems(self._options.database_image)

    def _problems(self, image: str) -> tuple[NodeProblem, ...]:
        return nodes.problems(
            image,
            ((each.at, each.problems) for each in self._images.all()),
            (each.at for each in self._sidecars.all()),
        )

    def namespace_context(self, name: str, owner: Owner) -> NamespaceContext:
        """Return the context of a pod of ``owner`` in the namespace ``name``."""
        if not self._follow:
            return NamespaceContext(self.image_problems, self.database_image_problems, STRICTEST)
        # A namespace that has just opted in may not have been seen yet.
        found = next(iter(self._namespaces.of("", name)), Namespace(STRICTEST))
        return NamespaceContext(
            image_problems=self.image_problems,
            database_image_problems=self.database_image_problems,
            pod_security=found.level or self._options.pod_security,
            limits=tuple(item for items in self._limits.of(name) for item in items),
            quotas=self._quotas.of(name),
            pull_secrets=found.pull_secrets,
            defaults=found.defaults,
            refused=self.breaker.is_open(owner, time.monotonic()),
            broken=self.breaker.why(owner),
        )

    def has_seen(self, namespace: str) -> bool:
        """Whether a watch has told of ``namespace``, which has opted in."""
        return not self._follow or bool(self._namespaces.of("", namespace))

    def sidecars(self) -> Counter[tuple[str, str]]:
        """Return how many pods with a sidecar there are, by namespace and host."""
        return Counter((where, each.host) for where, each in self._sidecars.items() if each.host)

    def injected(self, owner: Owner, request: str) -> None:
        """Take note that a pod of ``owner`` is being admitted with a sidecar."""
        self.breaker.attempt(owner, request, time.monotonic())


_WHOLE = 100  # pods, specs and all, that are in memory immediately
_LABEL = f"{names.INJECTED_LABEL}=true"
_INJECTED = Source("/api/v1/pods", _LABEL, metadata=True)
_REFUSALS = "refusals"
_FAILED_CREATE = Source("/api/v1/events", fields=f"reason={evidence.REASON}", future=True)


@dataclass(frozen=True, slots=True)
class _Prepulled:
    """A pod of the pre-pull DaemonSet, and which images have a problem there."""

    at: Placed
    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Injected:
    """A pod with a sidecar; its host is "" where none is at work."""

    host: str
    at: Placed


class Table(Generic[T]):
    """The parsed objects, by namespace and name; empty ones are left out."""

    def __init__(self, read: Callable[[Json], T]) -> None:
        self._read = read
        self._found: dict[str, dict[str, T]] = {}

    def of(self, namespace: str, name: str | None = None) -> tuple[T, ...]:
        """Return the objects in ``namespace`` (with ``name``), in the order of names."""
        found = self._found.get(namespace) or {}
        if name is not None:
            return (found[name],) if name in found else ()
        return tuple(value for _, value in sorted(found.items(), key=lambda item: item[0]))

    def all(self) -> Iterator[T]:
        """Yield everything."""
        for found in tuple(self._found.values()):
            yield from found.values()

    def items(self) -> Iterator[tuple[str, T]]:
        """Yield everything, with its namespace."""
        for where, found in tuple(self._found.items()):
            yield from ((where, value) for value in found.values())

    def replace(self, objects: Iterator[Json]) -> None:
        """Take ``objects`` for all there are."""
        found: dict[str, dict[str, T]] = {}
        for each in objects:
            self._note(found, each)
        self._found = found

    def change(self, found: Json, event: str) -> None:
        """Take note of one that has come, changed or gone."""
        meta = found["metadata"]
        namespace = meta.get("namespace", "")
        # A new mapping each time, so that readers of the old one are not affected.
        beside = dict(self._found.get(namespace) or {})
        beside.pop(meta["name"], None)
        changed = {namespace: beside}
        if event != DELETED:
            self._note(changed, found)
        self._found[namespace] = changed[namespace]
        if not changed[namespace]:
            del self._found[namespace]

    def listen(self, listening: bool) -> None:
        """Go on with what is known."""

    def _note(self, found: dict[str, dict[str, T]], each: Json) -> None:
        meta = each["metadata"]
        try:
            value = self._read(each)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            fields = {"kind": each.get("kind"), "namespace": meta.get("namespace"),
                      "name": meta.get("name"), "problem": type(error).__name__}  # fmt: skip
            _LOG.warning("cannot be understood", extra={"fields": fields})
            return
        if value:
            found.setdefault(meta.get("namespace", ""), {})[meta["name"]] = value


class _Pods:
    """Reports to the breaker which pods with a sidecar were created, and which owners have pods."""

    def __init__(self, breaker: Breaker, evidence: Evidence) -> None:
        self._breaker = breaker
        self._evidence = evidence

    def replace(self, objects: Iterator[Json]) -> None:
        """Record existing pods; the time of their creation is unknown."""
        self._evidence.replace(objects)

    def change(self, found: Json, event: str) -> None:
        """Report a created pod; changes of older ones are ignored."""
        self._evidence.change(found, event)
        if event == ADDED:
            where = found["metadata"].get("namespace", "")
            self._breaker.came_to_be(pod_spec.owner(dict(found), where))

    def listen(self, listening: bool) -> None:
        """Tell whether pods are being seen."""
        self._breaker.listen(listening)


def _report(watch: str, problem: str) -> None:
    _LOG.warning("watch", extra={"fields": {"watch": watch, "problem": problem}})
