"""Whether a pod may run on a node of which only some labels are known. Pure.

Nobody here may read nodes. What is unknown does not keep a pod away: the answer "no" has to be
certain. Source: what the scheduler of Kubernetes 1.37 goes by.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from webhook.admission.pod_spec import Pod, spec

_HOSTNAME = "kubernetes.io/hostname"
_NAME = "metadata.name"

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Node:
    """A node by its ``name``; ``labels`` are those that are known.

    ``others`` are the names of other nodes.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    others: frozenset[str] = frozenset()


def may_run_on(pod: Pod, node: Node) -> bool:
    """Whether the scheduler may choose this node for the pod, as far as that is known."""
    if bound := spec(pod).get("nodeName"):
        return bool(bound == node.name)
    selector = spec(pod).get("nodeSelector") or {}
    if not all(_may_be(node, str(key), {str(value)}) for key, value in selector.items()):
        return False
    affinity = (spec(pod).get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms")
    return not terms or any(_may_match(node, term) for term in terms)


def _may_match(node: Node, term: Json) -> bool:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not (expressions or fields):
        return False  # a term that is empty matches no node
    return all(_may(node, each) for each in expressions) and all(
        _is_field(node, each) for each in fields
    )


def _is_field(node: Node, wanted: Json) -> bool:
    """Whether the node's name is as wanted; there is no other field."""
    if wanted.get("key") != _NAME or wanted.get("operator") not in {"In", "NotIn"}:
        return True
    return (node.name in (wanted.get("values") or [])) is (wanted.get("operator") == "In")


def _may(node: Node, wanted: Json) -> bool:
    key, values = str(wanted.get("key")), {str(each) for each in wanted.get("values") or []}
    known, operator = node.labels.get(key), wanted.get("operator")
    if operator == "In":
        return _may_be(node, key, values)
    if known is None:
        return True
    by_operator: dict[object, Callable[[], bool]] = {
        "NotIn": lambda: known not in values,
        "DoesNotExist": lambda: False,
        "Gt": lambda: _compares(known, values, 1),
        "Lt": lambda: _compares(known, values, -1),
    }
    return by_operator.get(operator, lambda: True)()


def _may_be(node: Node, key: str, values: set[str]) -> bool:
    """Whether a label may have one of these values."""
    if key in node.labels:
        return node.labels[key] in values
    # The label is the node's name nearly everywhere; what another node is named, this one is not.
    return key != _HOSTNAME or not values <= node.others


def _compares(known: str, values: set[str], sign: int) -> bool:
    try:
        return all((int(known) - int(value)) * sign > 0 for value in values)
    except ValueError:
        return False
