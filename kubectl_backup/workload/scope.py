"""The pods that `status` shows and the namespaces that have opted in, as permissions allow."""

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from contract import names
from contract.annotations import namespace
from contract.annotations.namespace import NamespaceDefaults
from contract.text import listed
from kubectl_backup.cluster.api import Cluster, Json, below
from kubectl_backup.cluster.errors import ClusterError, DeniedError, NotFoundError
from kubectl_backup.workload import target

_AT_ONCE = 10
_TRIED = 40  # namespaces that are listed one by one if all at once is forbidden
_NODES_WORDS = frozenset(
    {"FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox"}
)


@dataclass(slots=True)
class Scope:
    """``labelled`` are the namespaces that have opted in, with what they say about their pods; None
    if they cannot be read.

    ``untold`` are lines about what could not be listed; ``whole``: all requested pods are listed.
    """

    pods: list[Json]
    labelled: Mapping[str, NamespaceDefaults] | None
    untold: list[str] = field(default_factory=list)
    whole: bool = True


def of_namespace(cluster: Cluster) -> Scope:
    """Return the pods of the cluster's namespace."""
    pods = cluster.pods()
    try:
        labelled = opted_in([cluster.get(below("", "namespaces", cluster.namespace))])
    except NotFoundError:
        labelled = {}
    except ClusterError as error:
        return Scope(pods, None, [_without_labels(f"namespace {cluster.namespace}", error)])
    return Scope(pods, labelled)


def of_all(cluster: Cluster) -> Scope:
    """Return all pods; only those of some namespaces if they cannot be listed at once."""
    untold: list[str] = []
    labelled: dict[str, NamespaceDefaults] | None = None
    try:
        label = f"{names.ENABLED_LABEL}=true"
        labelled = opted_in(cluster.items(below("", "namespaces"), labelSelector=label))
    except ClusterError as error:
        untold.append(_without_labels("namespaces", error))
    try:
        return Scope(cluster.pods(""), labelled, untold)
    except DeniedError as error:
        pods, shown = _one_by_one(cluster, labelled or ())
        if not shown:
            raise
        where = listed(shown)
        line = f"pods of all namespaces cannot be listed ({error}); showing only: {where}"
        return Scope(pods, labelled, [line, *untold], whole=False)


def warnings(cluster: Cluster, pods: Collection[Json]) -> dict[str, str]:
    """Return the events of pods that wait for their node, by uid; none without permission."""
    if not pods:
        return {}
    namespaces = {str(pod["metadata"]["namespace"]) for pod in pods}
    path = below(namespaces.pop() if len(namespaces) == 1 else "", "events")
    try:
        found = cluster.items(path, fieldSelector="involvedObject.kind=Pod,type=Warning")
    except ClusterError:
        return {}
    newest = sorted(found, key=_moment)
    return {
        str((each.get("involvedObject") or {}).get("uid")): str(each.get("message") or "")
        for each in newest
        if each.get("reason") in _NODES_WORDS
    }


def _moment(event: Json) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def _one_by_one(cluster: Cluster, labelled: Iterable[str]) -> tuple[list[Json], list[str]]:
    """Return the pods of the namespaces that may be listed, and the names of these."""
    tried = list(dict.fromkeys((cluster.namespace, *sorted(labelled))))[:_TRIED]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(_allowed(cluster), tried))
    shown = [name for name, pods in zip(tried, answers, strict=True) if pods is not None]
    return [pod for pods in answers for pod in pods or ()], shown


def _allowed(cluster: Cluster) -> Callable[[str], list[Json] | None]:
    def ask(namespace: str) -> list[Json] | None:
        try:
            return cluster.pods(namespace)
        except DeniedError:
            return None

    return ask


def opted_in(namespaces: list[Json]) -> dict[str, NamespaceDefaults]:
    """Return those that have opted in, with what they say about their pods."""
    return {
        str(each["metadata"]["name"]): namespace.read(each["metadata"].get("annotations") or {})
        for each in namespaces
        if (each["metadata"].get("labels") or {}).get(names.ENABLED_LABEL) == "true"
    }


def _without_labels(what: str, error: ClusterError) -> str:
    return (
        f"{what} cannot be read ({error}); workloads without the annotation backup.enabled are "
        "not shown"
    )


def shown(pods: Iterable[Json]) -> list[Json]:
    """Return the active pods with a sidecar, and pods with one that were ended by force and not
    replaced."""
    pods = list(pods)
    alive = {_owner(pod) for pod in pods if target.lasting(pod)}
    found = [pod for pod in pods if target.sidecar(pod) is not None and target.lasting(pod)]
    lost: dict[tuple[str, str], Json] = {}
    for pod in pods:
        if target.sidecar(pod) is not None and _was_ended(pod) and _owner(pod) not in alive:
            lost[_owner(pod)] = pod
    return [*found, *lost.values()]


def _was_ended(pod: Json) -> bool:
    """Whether its node or the cluster ended a pod: Evicted, Preempting, NodeShutdown …"""
    status = pod.get("status") or {}
    going = pod["metadata"].get("deletionTimestamp")
    return status.get("phase") == "Failed" and bool(status.get("reason")) and not going


def _owner(pod: Json) -> tuple[str, str]:
    return str(pod["metadata"].get("namespace")), str(target.owner(pod))
