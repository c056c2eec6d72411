"""Findings about service meshes, whose init containers may have no network."""

from collections.abc import Iterator, Mapping

from contract.annotations import settings
from webhook.admission import pod_spec
from webhook.lint.findings import Finding, Severity, Subject
from webhook.lint.rules import Rule
from webhook.manifests.objects import Objects

# By mesh: what asks for its proxy, and the annotations that spare some connections.
_MESHES: Mapping[str, tuple[Mapping[str, frozenset[str]], tuple[str, ...]]] = {
    "Istio": (
        {"sidecar.istio.io/inject": frozenset({"true"}), "istio-injection": frozenset({"enabled"})},
        ("traffic.sidecar.istio.io/excludeOutboundPorts",
         "traffic.sidecar.istio.io/excludeOutboundIPRanges"),
    ),
    "Linkerd": (
        {"linkerd.io/inject": frozenset({"enabled", "ingress"})},
        ("config.linkerd.io/skip-outbound-ports", "config.linkerd.io/skip-subnets"),
    ),
}  # fmt: skip


def advise(subject: Subject, objects: Objects) -> Iterator[Finding]:
    """Yield a note for a restore before the proxy of a mesh runs."""
    if subject.plan.restore is None:
        return
    namespace = objects.find("Namespace", subject.namespace) if subject.namespace else None
    own = _words(subject.pod)
    around = _words(namespace) if namespace else {}
    for mesh, (asking, sparing) in _MESHES.items():
        asks = any({**around, **own}.get(key) in texts for key, texts in asking.items())
        if asks and not any(own.get(key) for key in sparing):
            yield Finding(
                Rule.MESH, Severity.NOTE, settings.RESTORE.annotation,
                f"{mesh} injects its proxy: with its CNI plugin, init containers have no network "
                f"before the proxy runs, and backup-restore waits; set {sparing[0]} to the "
                "repository's port, or run the proxy as a native sidecar",
            )  # fmt: skip


def _words(found: Mapping[str, object]) -> dict[str, str]:
    meta = pod_spec.metadata(dict(found))
    both = {**(meta.get("labels") or {}), **(meta.get("annotations") or {})}
    return {str(key): str(text) for key, text in both.items()}
