"""What pods tell of the nodes that they run on: their labels, and which images do not run there.

The webhook may not read nodes. But a pod runs only where its nodeSelector fits.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from webhook.admission.model import NodeProblem
from webhook.admission.pod.placement import Node

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Placed:
    """A pod on a ``node``, "" while it has none; ``labels`` are those that its node must have."""

    node: str
    labels: Mapping[str, str] = field(default_factory=dict)


def placed(pod: Json) -> Placed:
    """Return where a pod of our own runs, or is to."""
    spec = pod.get("spec") or {}
    selector = spec.get("nodeSelector") or {}
    return Placed(
        str(spec.get("nodeName") or ""),
        {str(key): str(value) for key, value in selector.items()},
    )


def accepted(pod: Json) -> Placed:
    """Return where anybody's pod runs; nowhere while no kubelet has accepted it.

    Who creates a pod may write any node and any nodeSelector into it.
    """
    is_running = (pod.get("status") or {}).get("phase") == "Running"
    return placed(pod) if is_running else Placed("")


def problems(
    image: str, prepull: Iterable[tuple[Placed, Mapping[str, str]]], pods: Iterable[Placed]
) -> tuple[NodeProblem, ...]:
    """Return the nodes that cannot run ``image``, with what is known of them.

    ``prepull`` are pods of the pre-pull DaemonSet with their problems by image, ``pods`` others.
    """
    prepull = list(prepull)
    bad = [(at.node, found[image]) for at, found in prepull if image in found]
    if not bad:
        return ()
    labels: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for at in (*(at for at, _ in prepull), *pods):
        for key, value in at.labels.items():
            labels[at.node][key].add(value)
    names = frozenset(at.node for at, _ in prepull if at.node)
    return tuple(
        NodeProblem(problem, Node(name, _certain(labels[name]), names - {name}))
        for name, problem in bad
    )


def _certain(labels: Mapping[str, set[str]]) -> dict[str, str]:
    """Return labels of which all pods say the same: they change while pods keep running."""
    return {key: next(iter(values)) for key, values in labels.items() if len(values) == 1}
