"""Evidence from the API server about owners: which exist, and whose pods were refused.

It comes from watches, by namespace and uid, so it cannot be forged over the network.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from webhook.admission import pod_spec
from webhook.admission.pod_spec import Owner

TELLING = frozenset(
    {"apps/DaemonSet", "apps/ReplicaSet", "apps/StatefulSet", "batch/Job", "/ReplicationController"}
)
"""Kinds whose controllers write an event for each refused pod."""
REASON = "FailedCreate"
"""That of those events."""
DELETED = "DELETED"
"""A watch's word for an object that is gone."""
_REFUSALS = 10_000  # owners; the longest unheard of are forgotten first

Json = Mapping[str, Any]
Key = tuple[str, str]  # namespace, and uid of an owner or name of a pod


class Evidence:
    """Owners that a pod with a sidecar shows to exist, and the last refusal of each.

    Watches tell of them from their threads.
    """

    def __init__(self) -> None:
        self.events_seen = False
        """Whether events are being seen at the moment."""
        self._refusals: OrderedDict[Key, float] = OrderedDict()
        self._owners: dict[Key, Owner] = {}  # by namespace and name of the pod
        self._pods: Counter[Owner] = Counter()
        self._lock = Lock()

    def of(self, owner: Owner) -> bool:
        """Whether the API server has said anything of ``owner``."""
        return _key(owner) in self._refusals or self.exists(owner)

    def exists(self, owner: Owner) -> bool:
        """Whether there is a pod of ``owner`` in its namespace."""
        return bool(owner.uid) and self._pods[owner] > 0

    def refused_since(self, owner: Owner, moment: float) -> bool:
        """Whether an event has reported a refused pod of ``owner`` since ``moment``."""
        return bool(owner.uid) and self._refusals.get(_key(owner), -1.0) >= moment

    def forget_refusal(self, owner: Owner) -> None:
        """Take what was refused for settled: a pod of ``owner`` has been created."""
        with self._lock:
            self._refusals.pop(_key(owner), None)

    def refused(self, namespace: str, uid: str, now: float) -> None:
        """Take note that a pod was refused."""
        with self._lock:
            self._refusals[namespace, uid] = now
            self._refusals.move_to_end((namespace, uid))
            if len(self._refusals) > _REFUSALS:
                self._refusals.popitem(last=False)

    def replace(self, pods: Iterator[Json]) -> None:
        """Take ``pods`` for all that have a sidecar."""
        found = map(_read, pods)
        self._owners = {each.key: each.owner for each in found if each.owner.uid}
        self._pods = Counter(self._owners.values())

    def change(self, pod: Json, event: str) -> None:
        """Take note of one that has come, changed or gone."""
        found = _read(pod)
        if known := self._owners.pop(found.key, None):
            self._pods[known] -= 1
            if not self._pods[known]:
                del self._pods[known]
        if event != DELETED and found.owner.uid:
            self._owners[found.key] = found.owner
            self._pods[found.owner] += 1


class Refusals:
    """Reports events about refused pods; the API server vouches for their owner."""

    def __init__(self, evidence: Evidence, clock: Callable[[], float]) -> None:
        self._evidence = evidence
        self._clock = clock

    def replace(self, objects: Iterator[Json]) -> None:
        """Pass over what was written before."""

    def change(self, found: Json, event: str) -> None:
        """Take note of an event that was written, or counted once more."""
        namespace = (found.get("metadata") or {}).get("namespace")
        uid = (found.get("involvedObject") or {}).get("uid")
        if event != DELETED and found.get("reason") == REASON and namespace and uid:
            self._evidence.refused(str(namespace), str(uid), self._clock())

    def listen(self, listening: bool) -> None:
        """Tell whether events are being seen."""
        self._evidence.events_seen = listening


@dataclass(frozen=True, slots=True)
class _Pod:
    """A pod by its namespace and name, and who creates it."""

    key: Key
    owner: Owner


def _read(pod: Json) -> _Pod:
    meta = pod["metadata"]
    namespace = meta.get("namespace", "")
    return _Pod((namespace, meta["name"]), pod_spec.owner(dict(pod), namespace))


def _key(owner: Owner) -> Key:
    return owner.namespace, owner.uid
