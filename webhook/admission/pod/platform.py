"""Where a pod can run: the sidecar's image is for Linux. Pure.

Source: what the scheduler and the kubelet of Kubernetes 1.37 go by.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.admission.pod_spec import Pod, containers, spec

_WINDOWS, _LINUX = "windows", "linux"
_OS_LABELS = ("kubernetes.io/os", "beta.kubernetes.io/os")
_BUILD_LABEL = "node.kubernetes.io/windows-build"  # only nodes with Windows have it

Json = Mapping[str, Any]


def is_windows(pod: Pod) -> bool:
    """Whether the pod can only run on a Windows node."""
    if stated := (spec(pod).get("os") or {}).get("name"):
        return bool(stated == _WINDOWS)
    return _by_selector(pod) or _by_affinity(pod) or any(map(_has_options, _contexts(pod)))


def _by_selector(pod: Pod) -> bool:
    selector = spec(pod).get("nodeSelector") or {}
    return _BUILD_LABEL in selector or _WINDOWS in {selector.get(label) for label in _OS_LABELS}


def _by_affinity(pod: Pod) -> bool:
    """Whether each of the terms, of which one has to match, allows Windows nodes only."""
    node = (spec(pod).get("affinity") or {}).get("nodeAffinity") or {}
    required = node.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms") or []
    # A term that is empty matches no node.
    terms = [term for term in terms if term.get("matchExpressions") or term.get("matchFields")]
    return bool(terms) and all(map(_is_windows_term, terms))


def _is_windows_term(term: Json) -> bool:
    return any(map(_needs_windows, term.get("matchExpressions") or []))


def _needs_windows(expression: Json) -> bool:
    key, operator = expression.get("key"), expression.get("operator")
    values = set(expression.get("values") or [])
    if key == _BUILD_LABEL:
        return operator in {"In", "Exists", "Gt", "Lt"}
    if key not in _OS_LABELS:
        return False
    return (operator == "In" and values == {_WINDOWS}) or (operator == "NotIn" and _LINUX in values)


def _contexts(pod: Pod) -> Iterator[Json]:
    for holder in (spec(pod), *containers(pod)):
        yield holder.get("securityContext") or {}


def _has_options(context: Json) -> bool:
    """Whether a security context has options for Windows, which mean nothing elsewhere."""
    return any((context.get("windowsOptions") or {}).values())
